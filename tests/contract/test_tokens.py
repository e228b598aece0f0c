"""How tokens look, and where programs have theirs from."""

from __future__ import annotations

from pathlib import Path

import pytest

from robometrics.cli.main import main
from robometrics.errors import SettingsError
from robometrics.settings import ReaderSettings, load
from robometrics.tokens import digest_of, make_token, read_token


def written(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {make_token() for _ in range(1_000)}

    assert 1_000 == len(tokens) == len({digest_of(token) for token in tokens})
    assert {47} == {len(token) for token in tokens}, "rbm_ and 256 bits"


def test_a_file_of_ones_own_holds_the_token(tmp_path: Path) -> None:
    token = make_token()

    assert token == read_token(written(tmp_path / "token", f"{token}\n"), {})


def test_the_environment_wins(tmp_path: Path) -> None:
    mine, other = make_token(), make_token()
    path = written(tmp_path / "token", other)

    assert mine == read_token(path, {"ROBOMETRICS_TOKEN": mine})
    assert other == read_token(path, {"ROBOMETRICS_TOKEN": ""})


def test_nothing_given_is_no_token() -> None:
    assert "" == read_token("", {})


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME"])
def test_the_usual_file_is_read_if_nothing_else_is_said(
    tmp_path: Path, variable: str
) -> None:
    usual, named, mine = make_token(), make_token(), make_token()
    folder = tmp_path / (".config" if variable == "HOME" else "") / "robometrics"
    environ = {variable: str(tmp_path)}
    assert "" == read_token("", environ), "it is not there"

    folder.mkdir(parents=True)
    path = Path(written(folder / "token", usual))

    assert usual == read_token("", environ)
    assert named == read_token(written(tmp_path / "named", named), environ)
    assert mine == read_token("", environ | {"ROBOMETRICS_TOKEN": mine})
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_token("", environ)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o777])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "token", make_token(), mode)

    with pytest.raises(SettingsError, match="chmod 600"):
        read_token(path, {})


@pytest.mark.parametrize(
    "text", ["hunter2", "rbm_short", "rbm_" + "x" * 44, "a b", "\udce4"]
)
def test_what_is_no_token_is_refused_and_not_repeated(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "token"
    path.write_bytes(text.encode(errors="surrogateescape"))
    path.chmod(0o600)

    with pytest.raises(SettingsError, match=str(path)) as refused:
        read_token(str(path), {})

    assert text not in str(refused.value).replace(str(path), "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        read_token(str(tmp_path / "nowhere"), {})


def test_no_command_takes_a_token_as_an_argument(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every user of a host sees the arguments of all programs."""
    for command in (["top"], ["export", "--host=robot"], ["server"], ["doctor"]):
        with pytest.raises(SystemExit):
            main([*command, f"--token={make_token()}"])
        assert "unrecognized arguments" in capsys.readouterr().err


def test_the_variable_is_known_beside_the_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROBOMETRICS_TOKEN", make_token())

    assert "" == load(ReaderSettings).token_file
