"""Each option from each source, who wins, and what is refused with which words."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders import announced

from robometrics import runtime
from robometrics.errors import SettingsError
from robometrics.keeping import Retain
from robometrics.rules import Rule, RulePlan, to_toml
from robometrics.settings import (
    ALL_SETTINGS,
    Common,
    ServerSettings,
    UpSettings,
    WorkerSettings,
    add_flags,
    load,
    to_flags,
)

EXAMPLES: dict[str, tuple[str, Any]] = {
    "nats_url": ("nats://n:1", "nats://n:1"),
    "nats_credentials_file": ("/n/h.creds", "/n/h.creds"),
    "nats_ca_file": ("/n/ca.pem", "/n/ca.pem"),
    "nats_cert_file": ("/n/cert.pem", "/n/cert.pem"),
    "nats_key_file": ("/n/key.pem", "/n/key.pem"),
    "register_host": ("robot-7", "robot-7"),
    "register_token_file": ("/r/token", "/r/token"),
    "site_dir": ("/e/site", "/e/site"),
    "nats_pid_file": ("/run/nats.pid", "/run/nats.pid"),
    "mongo_url": ("mongodb://m:1", "mongodb://m:1"),
    "api_url": ("http://a:1", "http://a:1"),
    "mongo_database": ("other", "other"),
    "socket_path": ("/s/w.sock", "/s/w.sock"),
    "log_level": ("debug", "debug"),
    "host": ("robot-7", "robot-7"),
    "interval_seconds": ("0.25", 0.25),
    "data_dir": ("/d", "/d"),
    "outbox_max_bytes": ("2097152", 2_097_152),
    "outbox_max_age_seconds": ("3600", 3_600),
    "durability": ("power", "power"),
    "backlog_share": ("0.5", 0.5),
    "max_processes": ("7", 7),
    "max_in_flight": ("8", 8),
    "containers_dir": ("/c", "/c"),
    "pod_labels": ("app,team*", ("app", "team*")),
    "roles": ("api,rollup", ("api", "rollup")),
    "bind": ("0.0.0.0", "0.0.0.0"),  # noqa: S104  a value, nothing listens
    "port": ("9000", 9000),
    "login": ("required", "required"),
    "allowed_hosts": ("a.example,b.example", ("a.example", "b.example")),
    "trusted_proxies": ("10.0.0.1", ("10.0.0.1",)),
    "token_file": ("/f/token", "/f/token"),
    "public_url": ("https://m.example", "https://m.example"),
    "oidc_issuer": ("https://id.example", "https://id.example"),
    "oidc_client_id": ("robometrics", "robometrics"),
    "oidc_client_secret_file": ("/f/secret", "/f/secret"),
    "oidc_grants": (
        "admin:groups=ops,read:email=*@e.example",
        ("admin:groups=ops", "read:email=*@e.example"),
    ),
    "stream_max_bytes": ("4194304", 4_194_304),
    "replicas": ("3", 3),
    "fetch_batches": ("9", 9),
    "health_address": ("[::1]:8421", "[::1]:8421"),
    "compact_after_seconds": ("60", 60),
    "keep_raw_days": ("0.5", 0.5),
    "keep_10s_days": ("7", 7.0),
    "keep_1m_days": ("8.5", 8.5),
    "keep_1h_days": ("0", 0.0),
    "retain": (
        'tags = {robot = "arm-*"}, keep_raw_days = 365',
        (Retain(tags={"robot": "arm-*"}, keep_raw_days=365.0),),
    ),
    "export_otlp_url": ("http://o:1/v1/metrics", "http://o:1/v1/metrics"),
    "export_otlp_headers_file": ("/f/otlp", "/f/otlp"),
    "export_remote_write_url": ("http://p:1/api/v1/write", "http://p:1/api/v1/write"),
    "export_remote_write_headers_file": ("/f/write", "/f/write"),
    "export_step_seconds": ("0", 0),
    "export_max_age_seconds": ("60", 60),
    "export_include": ("cpu_*,load_1m", ("cpu_*", "load_1m")),
    "export_exclude": ("*_pressure_*", ("*_pressure_*",)),
    "export_labels": ("site=berlin,line=7", ("site=berlin", "line=7")),
    "browser": ("false", False),
    "discover": (
        'exe = "p*", plan = {tree = true}',
        (Rule(exe="p*", plan=RulePlan(tree=True)),),
    ),
}
"""For each option, a text as flags and variables give it, and its value."""

OPTIONS = [
    pytest.param(cls, name, id=f"{cls.__name__}-{name}")
    for cls in ALL_SETTINGS
    for name in cls.__struct_fields__
]


def parsed(cls: type[Common], *arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_flags(parser, cls)
    return vars(parser.parse_args(arguments))


def config(folder: Path, text: str) -> str:
    path = folder / "robometrics.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def toml(value: Any) -> str:
    if isinstance(value, tuple) and isinstance(value[0], Rule | Retain):
        return to_toml(value)
    return msgspec.json.encode(value).decode()


def test_there_is_an_example_of_every_option() -> None:
    assert set(EXAMPLES) == {n for cls in ALL_SETTINGS for n in cls.__struct_fields__}


@pytest.mark.parametrize(("cls", "name"), OPTIONS)
def test_an_option_comes_from_its_flag(cls: type[Common], name: str) -> None:
    text, value = EXAMPLES[name]
    flag = "--" + name.replace("_", "-")
    arguments = ["--no-browser"] if name == "browser" else [f"{flag}={text}"]

    assert value == getattr(load(cls, parsed(cls, *arguments), {}), name)


@pytest.mark.parametrize(("cls", "name"), OPTIONS)
def test_an_option_comes_from_its_variable(cls: type[Common], name: str) -> None:
    text, value = EXAMPLES[name]

    loaded = load(cls, environ={f"ROBOMETRICS_{name.upper()}": text})

    assert value == getattr(loaded, name)


@pytest.mark.parametrize(("cls", "name"), OPTIONS)
@pytest.mark.parametrize("by", ["flag", "variable"])
def test_an_option_comes_from_the_config_file(
    tmp_path: Path, cls: type[Common], name: str, by: str
) -> None:
    value = EXAMPLES[name][1]
    path = config(tmp_path, f"{name} = {toml(value)}\n")

    if by == "flag":
        loaded = load(cls, parsed(cls, "--config", path), {})
    else:
        loaded = load(cls, environ={"ROBOMETRICS_CONFIG": path})

    assert value == getattr(loaded, name)


@pytest.mark.parametrize(("cls", "name"), OPTIONS)
def test_the_help_tells_of_every_option(cls: type[Common], name: str) -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, cls)
    [info] = [f for f in msgspec.structs.fields(cls) if f.name == name]
    told = " ".join(parser.format_help().split())

    assert "--" + name.replace("_", "-") in told
    assert info.type.__metadata__[0].description in told
    assert "--config" in told


def test_flags_win_over_variables_over_the_file_over_a_running_up(
    tmp_path: Path,
) -> None:
    announced()
    running = {"ROBOMETRICS_RUNTIME_DIR": str(runtime.directory())}
    path = config(tmp_path, 'nats_url = "nats://file:1"')
    file = {"ROBOMETRICS_CONFIG": path}
    variable = {"ROBOMETRICS_NATS_URL": "nats://variable:1"}
    flag = parsed(WorkerSettings, "--nats-url=nats://flag:1")

    def chosen(flags: Mapping[str, Any], environ: dict[str, str]) -> str:
        nowhere = {"ROBOMETRICS_RUNTIME_DIR": str(tmp_path / "nowhere")}
        return load(WorkerSettings, flags, nowhere | environ).nats_url

    assert [
        "nats://127.0.0.1:4222",
        "nats://up:1",
        "nats://file:1",
        "nats://variable:1",
        "nats://flag:1",
    ] == [
        chosen({}, {}),
        chosen({}, running),
        chosen({}, running | file),
        chosen({}, running | file | variable),
        chosen(flag, running | file | variable),
    ]


def test_the_config_flag_wins_over_its_variable(tmp_path: Path) -> None:
    path = config(tmp_path, 'host = "by-flag"')
    environ = {"ROBOMETRICS_CONFIG": str(tmp_path / "absent.toml")}

    assert "by-flag" == load(WorkerSettings, {"config": path}, environ).host


def test_a_flag_not_given_hides_nothing() -> None:
    environ = {"ROBOMETRICS_PORT": "9000", "ROBOMETRICS_BROWSER": "0"}

    loaded = load(UpSettings, parsed(UpSettings), environ)

    assert (9000, False) == (loaded.port, loaded.browser)


def test_one_file_serves_all_programs(tmp_path: Path) -> None:
    """An option of another program is known, and left to that program."""
    lines = [f"{name} = {toml(value)}" for name, (_, value) in EXAMPLES.items()]
    environ = {"ROBOMETRICS_CONFIG": config(tmp_path, "\n".join(lines))}

    for cls in ALL_SETTINGS:
        loaded = msgspec.structs.asdict(load(cls, environ=environ))
        assert {name: EXAMPLES[name][1] for name in loaded} == loaded


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


def test_a_command_line_made_of_options_gives_them_back() -> None:
    environ = {
        f"ROBOMETRICS_{name.upper()}": text for name, (text, _) in EXAMPLES.items()
    }
    wanted = load(ServerSettings, environ=environ)

    arguments = to_flags(wanted, ServerSettings.__struct_fields__)

    assert wanted == load(ServerSettings, parsed(ServerSettings, *arguments), {})


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
