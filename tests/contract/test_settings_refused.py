"""Options that are unknown or wrong are refused, with name, value and source."""

from __future__ import annotations

from pathlib import Path

import pytest

from robometrics.errors import SettingsError
from robometrics.settings import (
    ALL_SETTINGS,
    Common,
    ServerSettings,
    UpSettings,
    WorkerSettings,
    load,
)

from .configured import config, parsed


@pytest.mark.parametrize("cls", ALL_SETTINGS)
def test_an_unknown_variable_is_refused_with_the_likely_one(cls: type[Common]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(cls, environ={"ROBOMETRICS_NATS_ULR": "x"})

    assert (
        "environment: nobody knows ROBOMETRICS_NATS_ULR; "
        "did you mean ROBOMETRICS_NATS_URL?"
    ) == str(caught.value)


@pytest.mark.parametrize("cls", ALL_SETTINGS)
def test_an_unknown_key_is_refused_with_the_likely_one(
    cls: type[Common], tmp_path: Path
) -> None:
    path = config(tmp_path, 'mongo_uri = "x"')

    with pytest.raises(SettingsError) as caught:
        load(cls, {"config": path}, {})

    assert (
        f"config file {path}: nobody knows mongo_uri; did you mean mongo_url?"
    ) == str(caught.value)


def test_a_name_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(SettingsError, match=r"nobody knows ROBOMETRICS_ZZZ$"):
        load(WorkerSettings, environ={"ROBOMETRICS_ZZZ": "x"})


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(WorkerSettings, "--nats-ulr=x")

    assert "--nats-ulr=x" in capsys.readouterr().err


def test_variables_of_others_are_nobodys_business() -> None:
    load(
        WorkerSettings, environ={"PATH": "x", "ROBOMETRIC_X": "y", "robometrics_x": ""}
    )


WRONG = [
    (WorkerSettings, "interval_seconds", "0.0001"),
    (WorkerSettings, "interval_seconds", "61"),
    (WorkerSettings, "interval_seconds", "nan"),
    (WorkerSettings, "interval_seconds", "soon"),
    (WorkerSettings, "max_in_flight", "0"),
    (WorkerSettings, "max_in_flight", "4097"),
    (WorkerSettings, "max_processes", "1.5"),
    (WorkerSettings, "outbox_max_bytes", "1048575"),
    (WorkerSettings, "outbox_max_age_seconds", "59"),
    (WorkerSettings, "durability", "eternal"),
    (WorkerSettings, "backlog_share", "0"),
    (WorkerSettings, "backlog_share", "1.1"),
    (WorkerSettings, "host", ""),
    (WorkerSettings, "host", "h" * 101),
    (WorkerSettings, "log_level", "loud"),
    (ServerSettings, "port", "65536"),
    (ServerSettings, "port", "-1"),
    (ServerSettings, "roles", "api,cook"),
    (ServerSettings, "roles", ""),
    (ServerSettings, "replicas", "6"),
    (ServerSettings, "mongo_database", "a.b"),
    (ServerSettings, "mongo_database", "a\n"),
    (ServerSettings, "mongo_database", "d" * 39),
    (UpSettings, "browser", "perhaps"),
]


@pytest.mark.parametrize(("cls", "name", "text"), WRONG)
def test_a_wrong_variable_is_told_by_name_value_and_source(
    cls: type[Common], name: str, text: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(cls, environ={f"ROBOMETRICS_{name.upper()}": text})

    assert str(caught.value).startswith(f"{name} = ")
    assert repr(text) in str(caught.value) or name == "roles"
    assert " from the environment: Expected " in str(caught.value) or (
        " from the environment: Invalid enum value" in str(caught.value)
    )


def test_a_wrong_flag_is_told_by_name_value_and_source() -> None:
    with pytest.raises(
        SettingsError, match=r"^port = '65536' from the command line: .*<= 65535$"
    ):
        load(ServerSettings, parsed(ServerSettings, "--port=65536"), {})


@pytest.mark.parametrize("text", ["port = 65536", "port = {a = 1}", "port = [1]"])
def test_a_wrong_key_is_told_by_name_value_and_source(
    tmp_path: Path, text: str
) -> None:
    path = config(tmp_path, text)

    with pytest.raises(SettingsError) as caught:
        load(ServerSettings, {"config": path}, {})

    assert str(caught.value).startswith("port = ")
    assert f" from the config file {path}: Expected " in str(caught.value)


@pytest.mark.parametrize(
    ("cls", "name", "inside"),
    [
        (WorkerSettings, "interval_seconds", "0.001"),
        (WorkerSettings, "interval_seconds", "60"),
        (WorkerSettings, "max_in_flight", "4096"),
        (WorkerSettings, "host", "h" * 100),
        (ServerSettings, "port", "0"),
        (ServerSettings, "port", "65535"),
        (ServerSettings, "replicas", "5"),
        (ServerSettings, "mongo_database", "d" * 38),
    ],
)
def test_a_value_on_the_bound_is_taken(
    cls: type[Common], name: str, inside: str
) -> None:
    loaded = load(cls, environ={f"ROBOMETRICS_{name.upper()}": inside})

    assert inside == str(getattr(loaded, name)).removesuffix(".0")


def test_an_absent_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = str(tmp_path / "absent.toml")

    with pytest.raises(SettingsError, match=r"config file .*absent\.toml: "):
        load(WorkerSettings, {"config": path}, {})


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_an_error_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match=r"config file .*broken\.toml: "):
        load(WorkerSettings, {"config": str(path)}, {})


@pytest.mark.parametrize(
    ("cls", "name", "url"),
    [
        (WorkerSettings, "nats_url", "nats://me:swordfish@broker:4222"),
        (WorkerSettings, "nats_url", "nats://a,nats://swordfish@b"),
        (ServerSettings, "mongo_url", "mongodb://me:swordfish@database"),
    ],
)
def test_a_password_on_a_command_line_is_refused_with_where_to_put_it(
    cls: type[Common], name: str, url: str
) -> None:
    """Every user of the machine sees command lines; nobody else's environment."""
    variable = f"ROBOMETRICS_{name.upper()}"

    with pytest.raises(SettingsError, match=variable) as refused:
        load(cls, {name: url}, {})

    assert "swordfish" not in str(refused.value)
    assert url == getattr(load(cls, {}, {variable: url}), name)
