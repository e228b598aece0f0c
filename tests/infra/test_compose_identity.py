"""compose.identity.yaml: what its programs are handed, and whom its broker lets in."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import anyio
import pytest
import yaml
from waiting import eventually

from robometrics.address import BrokerAddress
from robometrics.broker import Link, open_link
from robometrics.cli.main import main
from robometrics.settings import SiteSettings, load

from .test_infra import INFRA, OURS, PASSWORDS, compose, interpolated, ours_in

ENVIRON = PASSWORDS | {"NATS_BIND": "192.0.2.7", "WORKER_NKEY": "robot-1.worker.nkey"}
HANDED = {
    "./site/credentials/server.nkey": "nats_credentials_file",
    "./site/credentials/consumers.consumer.nkey": "nats_credentials_file",
    "./site/credentials/robot-1.worker.nkey": "nats_credentials_file",
    "./tls/ca.crt": "nats_ca_file",
}
Service = dict[str, Any]


def identity() -> dict[str, Service]:
    text = (INFRA / "compose.identity.yaml").read_text()
    return dict(interpolated(yaml.safe_load(text)["services"], ENVIRON))


def merged() -> dict[str, Service]:
    """Return what docker compose makes of both files."""
    services = interpolated(compose()["services"], ENVIRON)
    return {
        name: _merged(services.get(name, {}), more) for name, more in identity().items()
    }


def _merged(service: Service, more: Service) -> Service:
    both = service | more
    for key in ("environment", "volumes", "ports", "tmpfs"):
        if key in service and key in more:
            old, new = service[key], more[key]
            both[key] = old | new if isinstance(old, dict) else [*old, *new]
    return both


def mounts(service: Service) -> dict[str, str]:
    return dict(each.split(":")[:2] for each in service["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_a_program_is_handed_what_it_is_told_of(name: str) -> None:
    service = merged()[name]
    settings = load(OURS[name], {}, ours_in(service["environment"]))
    handed = mounts(service)

    told = {HANDED[source]: to for source, to in handed.items() if source in HANDED}
    assert told == {option: getattr(settings, option) for option in told}
    assert {*HANDED.values()} == told.keys()
    owner = {"api": "server", "worker": "robot-1.worker"}
    shown = f"{owner.get(name, 'consumers.consumer')}.nkey"
    assert f"./site/credentials/{shown}" in handed
    where = "127.0.0.1" if name == "worker" else "nats"
    assert f"tls://{where}:4222" == settings.nats_url
    added = [each for each in service["volumes"] if each.split(":")[0] in HANDED]
    assert all(each.endswith(":ro") for each in added)


def test_only_with_identities_others_can_reach_the_broker() -> None:
    [alone] = compose()["services"]["nats"]["ports"]
    for published in (alone, interpolated(alone, ENVIRON)):
        assert "127.0.0.1:4222:4222" == published

    assert [alone, "192.0.2.7:4222:4222"] == merged()["nats"]["ports"]


@pytest.mark.parametrize("missing", ["NATS_BIND", "WORKER_NKEY"])
def test_what_is_not_said_is_asked_for(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(ENVIRON, missing)

    with pytest.raises(KeyError, match=missing):
        identity()


def test_who_enrolls_writes_what_the_others_read() -> None:
    office = identity()
    for name in ("enroll", "revoke"):
        settings = load(SiteSettings, {}, office[name]["environment"])
        assert {"./site": settings.site_dir} == mounts(office[name])
        assert ["robometrics", name] == office[name]["entrypoint"]
        assert "none" == office[name]["network_mode"]
    [hidden] = office["nats"]["tmpfs"]
    assert f"{mounts(office['nats'])['./site']}/credentials" == hidden


async def test_the_broker_lets_in_who_is_enrolled_and_nobody_without_tls(
    start_broker: Callable[..., Any], tmp_path: Path
) -> None:
    """As its container has it: files where they are mounted, and its environment."""
    infra, root = tmp_path / "infra", tmp_path / "container"
    certify = [str(INFRA / "nats/certificate.sh"), str(infra / "tls")]
    await anyio.run_process([*certify, "nats", "127.0.0.1"])
    enroll(infra)
    enroll(infra, "consumers", "--consumer")
    enroll(infra, "robot-1")
    nats = merged()["nats"]
    inside = mount(nats, infra, root)
    own = {k: inside(v) for k, v in nats["environment"].items() if v.startswith("/etc")}
    broker = start_broker(inside(nats["command"][-1]), **own)
    await anyio.to_thread.run_sync(broker.wait_up)
    server, consumer, worker = (
        BrokerAddress(
            url=broker.url,
            credentials_file=str(infra / "site/credentials" / name),
            ca_file=str(infra / "tls/ca.crt"),
        )
        for name in (
            *("server.nkey", "consumers.consumer.nkey", "robot-1.worker.nkey"),
        )
    )

    for each in (server, consumer, worker):
        async with open_link(each, "enrolled") as link:
            assert await is_let_in(link)
    for nobody in (
        BrokerAddress(url=broker.url),
        BrokerAddress(url=broker.url, ca_file=worker.ca_file),
    ):
        async with open_link(nobody, "stranger") as link:
            assert not await is_let_in(link)

    enroll(infra, "robot-7")
    broker.process.send_signal(signal.SIGHUP)
    later = str(infra / "site/credentials/robot-7.worker.nkey")
    async with open_link(
        BrokerAddress(url=broker.url, credentials_file=later, ca_file=worker.ca_file),
        "enrolled later",
    ) as link:
        await eventually(lambda: link.is_up)


def test_a_certificate_is_renewed_by_the_same_authority(tmp_path: Path) -> None:
    certify = [str(INFRA / "nats/certificate.sh"), str(tmp_path)]
    made = []
    for _ in range(2):
        subprocess.run([*certify, "10.0.0.7", "3d.lab7"], check=True)
        made.append(
            [(tmp_path / each).read_text() for each in ("ca.crt", "tls.crt", "tls.key")]
        )

    assert made[0][0] == made[1][0]
    assert not {*made[0][1:]} & {*made[1][1:]}
    modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}
    assert {
        "ca.crt": 0o644,
        "ca.key": 0o600,
        "tls.crt": 0o644,
        "tls.key": 0o600,
    } == modes
    asked = subprocess.run(certify, capture_output=True, text=True, check=False)
    assert (2, True) == (asked.returncode, "NAME..." in asked.stderr)


def enroll(infra: Path, *host: str) -> None:
    assert 0 == main(["enroll", *host, f"--site-dir={infra / 'site'}"])


def mount(service: Service, infra: Path, root: Path) -> Callable[[str], str]:
    """Have in *root* what a container has, and return what a path in it is here."""

    def inside(path: str) -> str:
        return str(root / PurePosixPath(path).relative_to("/"))

    for source, target in mounts(service).items():
        if not source.startswith("./"):
            continue
        here, there = infra / source, Path(inside(target))
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.exists():  # a folder may change later
            there.symlink_to(here.resolve())
        else:
            shutil.copy(INFRA / source, there)
    return inside


async def is_let_in(link: Link) -> bool:
    await eventually(lambda: link.is_up or link.last_error)
    return link.is_up
