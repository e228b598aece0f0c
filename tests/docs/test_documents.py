"""What the documents tell to type, mention and link to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import (
    DOCUMENTS,
    ROOT,
    Block,
    blocks,
    blocks_of,
    commands_of,
    mentions,
    problem_of,
    unknown_flags,
)

from robometrics import runtime
from robometrics.errors import SettingsError
from robometrics.settings import ALL_SETTINGS, CONFIG_ENV, load
from robometrics.tokens import TOKEN_ENV

BLOCKS = blocks()
VARIABLES = {
    *(
        f"ROBOMETRICS_{name.upper()}"
        for cls in ALL_SETTINGS
        for name in cls.__struct_fields__
    ),
    CONFIG_ENV,
    TOKEN_ENV,
    runtime.DIRECTORY_ENV,
}
OTHERS = {
    "ROBOMETRICS_ADVISORIES",  # a stream
    *("ROBOMETRICS_TRY", "ROBOMETRICS_CATCH"),  # macros of the C++ client
    "ROBOMETRICS_URL",  # read by Grafana, in our data source
}
LANGUAGES = {"", "cmake", "cpp", "ini", "js", "python", "sh", "toml", "yaml"}


def told_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fenced(path: Path, language: str) -> list[str]:
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return fence.findall(path.read_text())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_every_command_is_one_that_its_program_takes(block: Block) -> None:
    problems = [problem_of(words) for words in commands_of(block.text)]

    assert problems, "a block of commands without a command"
    assert [""] * len(problems) == problems


@pytest.mark.parametrize("path", DOCUMENTS, ids=told_of)
def test_what_is_fenced_says_what_it_is(path: Path) -> None:
    """Commands that were ``bash`` or ``console`` here would not be tried."""
    opened = re.findall(r"^```(.*)\n(?:.*\n)*?```$", path.read_text(), re.MULTILINE)

    assert set() == set(opened) - LANGUAGES


@pytest.mark.parametrize("path", DOCUMENTS, ids=told_of)
def test_every_option_that_a_sentence_mentions_is_one(path: Path) -> None:
    unknown = {" ".join(words): unknown_flags(words) for words in mentions(path)}

    assert {} == {command: flags for command, flags in unknown.items() if flags}


@pytest.mark.parametrize("path", DOCUMENTS, ids=told_of)
def test_every_variable_is_one_that_is_read(path: Path) -> None:
    found = set(re.findall(r"ROBOMETRICS_[A-Z0-9_]+[A-Z0-9]", path.read_text()))

    assert set() == found - VARIABLES - OTHERS


@pytest.mark.parametrize("path", DOCUMENTS, ids=told_of)
def test_every_configuration_is_one_that_is_taken(path: Path, tmp_path: Path) -> None:
    for text in fenced(path, "toml"):
        config = tmp_path / "config.toml"
        config.write_text(text)
        for cls in ALL_SETTINGS:
            load(cls, {"config": str(config)}, {}, join_running=False)


def test_a_misspelt_key_of_a_configuration_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text('```toml\n[[discover]]\nros_nod = "*"\nname = "x"\n```\n')

    with pytest.raises(SettingsError, match="ros_nod"):
        test_every_configuration_is_one_that_is_taken(document, tmp_path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=told_of)
def test_every_program_is_python(path: Path) -> None:
    for text in fenced(path, "python"):
        compile(text, told_of(path), "exec")


@pytest.mark.parametrize("path", DOCUMENTS, ids=told_of)
def test_every_link_leads_to_a_file(path: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)", prose)
    local = [x for x in links if "://" not in x]

    assert [] == [link for link in local if not (path.parent / link).exists()]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("robometrics run --nmae demo -- true", "no --nmae; did you mean ['--name']?"),
        ("robometrics-server --rols=api", "no --rols=api; did you mean ['--roles']?"),
        ("robometrics-server --roles=apy", "apy"),
        ("robometrics-worker --interval-seconds=fast", "interval_seconds"),
        ("robometrics expotr -o x.csv", "did you mean ['robometrics export']?"),
        ("robometrics dead-letters lst", "robometrics dead-letters"),
        ("robometrics register --pid one --name x", "--pid"),
        ("A=b /opt/bin/robometrics ps --hots=x | cat", "did you mean ['--host']?"),
        ("make tset", "no target of the Makefile: tset"),
        ("pip install 'roborregos-metrics[wroker]'", "no extra of the package: wroker"),
        (
            "pip install 'robometrics[worker]'",
            "robometrics is somebody else's package: ours is roborregos-metrics",
        ),
        ("kubectl apply --kustomize infra/k8s/overlay", "no such file: infra/k8s/over"),
        ("frobnicate", "nobody checks frobnicate"),
    ],
)
def test_what_is_misspelt_in_a_document_is_found(command: str, problem: str) -> None:
    first, *_ = map(problem_of, commands_of(command))

    assert problem in first


@pytest.mark.parametrize(
    "command",
    [
        "robometrics run --name demo -- true --nmae",
        "A=b \\\n  robometrics ps --host=x > out.txt 2>&1 && make up ARGS=--port=0",
        "/opt/robometrics/bin/pip install 'roborregos-metrics[worker]'  # and more",
        'robometrics run -- python3 -c "if True:\n  print(1)"',
        "kubectl apply --kustomize infra/k8s/overlays/single",
    ],
)
def test_what_is_right_is_not_complained_of(command: str) -> None:
    assert {""} == set(map(problem_of, commands_of(command)))


def test_a_sentence_with_a_misspelt_option_is_found() -> None:
    assert ["--hots"] == unknown_flags(["robometrics", "ps", "--hots", "H"])
    assert [] == unknown_flags(["robometrics", "ps", "--host", "H"])


def test_a_comment_that_means_nothing_is_no_way_around_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("documents.ROOT", tmp_path)
    document = tmp_path / "a.md"
    document.write_text("<!-- not rum: because -->\n```sh\ntrue\n```\n")
    with pytest.raises(ValueError, match=r"a\.md:2: nobody knows the comment"):
        list(blocks_of(document))

    document.write_text("<!-- not run: because -->\n```sh\ntrue\n```\n")
    assert [Block("a.md:2", "true\n", "because", "")] == list(blocks_of(document))
