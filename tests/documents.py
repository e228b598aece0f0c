"""The documents of the project: the commands in them, and what can be wrong with one.

Above a block of commands a comment may say how it is tried: ``<!-- not run: WHY -->``
has it read only, ``<!-- stopped once NAME is measured -->`` run for as long as that
takes. Without one it is run to its end.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tomllib
from documenting.commands import all_commands, settings_of

from robometrics.errors import SettingsError
from robometrics.settings import load

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    (
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "infra").rglob("*.md"),
        *(ROOT / "clients").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    )
)
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (\S.+) -->")
_STOPPED = re.compile(r"<!-- stopped once (\S+) is measured -->")
_OURS = re.compile(r"robometrics(-worker|-server|-sync)?(?= |$)")
_HERE = re.compile(r"<<(\w+)$.*?^\1$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")
_REDIRECTION = re.compile(r"[<>]+&?")
_SHELL = {
    *("for", "do", "done", "export", "cat", "cd", "kill", ".", "echo"),
    *("cp", "mkdir"),
}
_OTHERS = {
    "certificate.sh",  # in infra/nats
    *(
        "chmod",
        "curl",
        "docker",
        "g++",
        "helm",
        "install",
        "kubectl",
        "mongodump",
        "mongorestore",
        "mongosh",
    ),
    *("nats", "prometheus", "promtool", "python3", "systemctl"),
    "systemd-sysusers",
}
"""Programs of others: of their words only files of the repository are checked."""

_FOLDERS = ("infra/", "packaging/", "docs/", "examples/", "clients/", "scripts/")


class Block(NamedTuple):
    """Commands as they stand in a document."""

    where: str
    """File and line."""

    text: str
    not_run: str
    """Why it is only read; empty if it is run."""

    stopped_once: str
    """The process that is measured when it may be stopped; empty: it ends by itself."""


def blocks() -> list[Block]:
    return [block for path in DOCUMENTS for block in blocks_of(path)]


def blocks_of(path: Path) -> Iterator[Block]:
    """Yield the blocks of commands in the document *path*.

    Raises:
        ValueError: The comment above one says nothing that is known here.
    """
    document = path.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(document):
        above = document[: fence.start()].rstrip("\n").rpartition("\n")[2]
        line = document.count("\n", 0, fence.start()) + 1
        where = f"{path.relative_to(ROOT)}:{line}"
        not_run, stopped = _NOT_RUN.fullmatch(above), _STOPPED.fullmatch(above)
        if above.startswith("<!--") and not (not_run or stopped):
            raise ValueError(f"{where}: nobody knows the comment {above}")
        yield Block(
            where,
            fence[1],
            not_run[1] if not_run else "",
            stopped[1] if stopped else "",
        )


def commands_of(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell script, without redirections."""
    text = _HERE.sub("", text).replace("\\\n", " ")
    line = ""
    for part in text.splitlines():
        line += part
        try:
            words = _words(line)
        except ValueError:  # a quotation that goes on in the next line
            line += "\n"
            continue
        line = ""
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set(";&|"):
                yield from _plain(command)
                command = []
            else:
                command.append(word)


def problem_of(words: list[str]) -> str:
    """Return what is wrong with a command; empty if nothing is."""
    program = words[0].rpartition("/")[2]
    if _OURS.fullmatch(program):
        return _problem_of_ours([program, *words[1:]])
    if program == "make":
        return _problem_of_make(words[1:])
    if program == "pip":
        return _problem_of_pip(words[1:])
    if program not in _SHELL | _OTHERS:
        return f"nobody checks {program}: see tests/documents.py"
    missing = [
        word
        for word in words
        if word.startswith(_FOLDERS) and not list(ROOT.glob(word))
    ]
    return f"no such file: {', '.join(missing)}" if missing else ""


def mentions(path: Path) -> Iterator[list[str]]:
    """Yield the words of each command of ours that a sentence or table mentions."""
    document = _FENCE.sub("", path.read_text(encoding="utf-8"))
    found = re.findall(r"`([^`\n]+)`", document)
    found += re.findall(r"^ {4}(robometrics.*)$", document, re.MULTILINE)
    for code in found:
        if _OURS.match(code):
            with contextlib.suppress(ValueError):  # an apostrophe, as in prose
                yield shlex.split(code, comments=True)


def unknown_flags(words: list[str]) -> list[str]:
    """Return those flags in *words*, a command of ours, that it does not take.

    Values are not looked at: a sentence says ``--host H``.
    """
    if words == ["robometrics"]:
        return []
    name, rest = _named(words)
    if not name:
        return [" ".join(words[:2])]
    known = all_commands()[name]._option_string_actions
    own = rest[: rest.index("--")] if "--" in rest else rest
    flags = [word.split("=")[0] for word in own if word.startswith("-")]
    return [flag for flag in flags if flag not in known and not flag[1:].isdigit()]


def _words(line: str) -> list[str]:
    line = re.sub(r"(?<=\s)[0-9](?=[<>])", "", line)  # as in 2>&1
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    return list(lexer)


def _plain(words: list[str]) -> Iterator[list[str]]:
    """Yield *words* without assignments before them, and redirections in them."""
    while words and (_ASSIGNMENT.fullmatch(words[0]) or words[0] == "do"):
        words = words[1:]
    kept: list[str] = []
    skip = False
    for word in words:
        if skip or _REDIRECTION.fullmatch(word):
            skip = not skip
        else:
            kept.append(word)
    if kept:
        yield kept


def _named(words: list[str]) -> tuple[str, list[str]]:
    """Return the name of the command that *words* call, and the words behind it."""
    commands = all_commands()
    for length in (3, 2, 1):
        if (name := " ".join(words[:length])) in commands:
            return name, words[length:]
    return "", words


def _problem_of_ours(words: list[str]) -> str:
    name, rest = _named(words)
    if not name:
        near = difflib.get_close_matches(" ".join(words[:2]), all_commands(), 1)
        return f"nobody knows {' '.join(words[:2])}; did you mean {near}?"
    parser = all_commands()[name]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            options, unknown = parser.parse_known_args(rest)
    except SystemExit as exc:
        return said.getvalue() if exc.code else ""
    if unknown:
        near = difflib.get_close_matches(
            unknown[0].split("=")[0], parser._option_string_actions, 1
        )
        return f"{name} has no {unknown[0]}; did you mean {near}?"
    try:
        for cls in settings_of(parser):
            load(cls, vars(options) | {"config": None}, {}, join_running=False)
    except SettingsError as exc:
        return str(exc)
    return ""


def _problem_of_make(words: list[str]) -> str:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    wanted = {word for word in words if not _ASSIGNMENT.fullmatch(word)}
    unknown = wanted - targets
    return f"no target of the Makefile: {', '.join(unknown)}" if unknown else ""


def _problem_of_pip(words: list[str]) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    known = set(project["project"]["optional-dependencies"])
    if any(re.fullmatch(r"robometrics(\W.*)?", word) for word in words):
        return "robometrics is somebody else's package: ours is roborregos-metrics"
    wanted = re.findall(r"roborregos-metrics\[([\w,-]+)\]", " ".join(words))
    unknown = {extra for each in wanted for extra in each.split(",")} - known
    return f"no extra of the package: {', '.join(unknown)}" if unknown else ""
