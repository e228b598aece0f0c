"""Each option from each source, and who wins."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders import announced

from robometrics import runtime
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

from .configured import config, parsed

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


def test_a_command_line_made_of_options_gives_them_back() -> None:
    environ = {
        f"ROBOMETRICS_{name.upper()}": text for name, (text, _) in EXAMPLES.items()
    }
    wanted = load(ServerSettings, environ=environ)

    arguments = to_flags(wanted, ServerSettings.__struct_fields__)

    assert wanted == load(ServerSettings, parsed(ServerSettings, *arguments), {})
