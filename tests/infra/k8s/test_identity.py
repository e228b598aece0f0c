"""Programs start with what they are handed, and are let in where they should be."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import namespaces
import pytest
import trustme
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.address import BrokerAddress
from robometrics.broker import Link, open_link, provision
from robometrics.cli.server import server
from robometrics.enrolment.office import Office
from robometrics.errors import SettingsError

from .charted import broker_file
from .kustomized import Object, containers
from .site import Site

SITE = Site("cluster")
NODES = ("node-1.example.org", "node-2.example.org")
MOUNTED = "/etc/robometrics/identity"
NETWORK = [*namespaces.ISOLATED, "--net"]
"""One of its own: what listens everywhere in it nobody outside can reach. It ends, with
all that was started in it, when its first program does."""

ASK_THE_API = """
    import fcntl, json, os, socket, struct, subprocess, sys, time
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, build_opener

    UP = 0x8914, struct.pack("16sh", b"lo", 1)  # SIOCSIFFLAGS, IFF_UP
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, *UP)
    code = "from robometrics.cli.services import server_main; server_main()"
    words = json.loads(sys.stdin.readline())
    server = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL
    )

    def status(path):
        try:
            url = f"http://127.0.0.1:8420/api/v1/{path}"
            return build_opener(ProxyHandler({})).open(url, timeout=5).status
        except HTTPError as exc:
            return exc.code
        except URLError:
            return 0

    try:
        while not (live := status("health/live")) and server.poll() is None:
            time.sleep(0.05)
        print(json.dumps([live, status("hosts")]), flush=True)
    finally:
        server.kill()
"""


class Handed:
    """What the Secrets hold, as docs/kubernetes.md makes them, and who made it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "identity"
        self.folder.mkdir()
        self.office = Office(folder / "robometrics")
        self.site, _ = self.office.open("operator")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.folder / "ca.crt")
        made = authority.issue_cert("127.0.0.1")
        self.tls = {"cert_file": f"{folder}/tls.crt", "key_file": f"{folder}/tls.key"}
        made.cert_chain_pems[0].write_to_path(self.tls["cert_file"])
        made.private_key_pem.write_to_path(self.tls["key_file"])
        consumers = self.office.enroll("consumer", "consumers")
        self._hand(consumers, "server.creds")
        for node in NODES:
            self._hand(self.office.enroll("worker", node), f"{node}.creds")

    def _hand(self, made: Path, name: str = "") -> None:
        file = self.folder / (name or made.name)
        file.write_bytes(made.read_bytes())
        file.chmod(0o440)  # as a program that is not root is handed a Secret's

    def environ(self, workload: Object, node: str = "") -> dict[str, str]:
        """Return the environment of a program that is handed all this."""
        return {
            name: value.replace(MOUNTED, str(self.folder)).replace(
                "<spec.nodeName>", node
            )
            for name, value in SITE.environ(workload).items()
        }

    def address(self, workload: Object, url: str, node: str = "") -> BrokerAddress:
        environ = self.environ(workload, node)
        return BrokerAddress(
            url=url,
            credentials_file=environ["ROBOMETRICS_NATS_CREDENTIALS_FILE"],
            ca_file=environ["ROBOMETRICS_NATS_CA_FILE"],
        )


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    return Handed(tmp_path_factory.mktemp("handed"))


@pytest.fixture
def broker(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> Iterator[NatsServer]:
    """A broker with the file that the chart makes of the values."""
    folder = handed.folder.parent
    monkeypatch.setenv("NATS_RESOLVER_DIR", str(folder / "accounts"))
    running = NatsServer(folder / "nats")
    running.config = folder / "nats-config/nats.conf"
    running.config.parent.mkdir()
    running.config.write_text(broker_file(SITE.values, tls=handed.tls))
    running.start()
    yield running
    running.stop()


def test_the_api_starts_with_its_arguments_and_lets_in_nobody_unknown(
    handed: Handed,
) -> None:
    """It answers its probe meanwhile: neither broker nor database is there."""
    namespaces.require(*NETWORK)
    api = SITE.one("Deployment", "api")
    [container] = containers(api)
    environ = handed.environ(api) | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with namespaces.program(NETWORK, ASK_THE_API, environ) as asking:
        assert asking._process.stdin is not None
        asking._process.stdin.write(json.dumps(container["args"]) + "\n")
        asking._process.stdin.flush()

        assert [200, 401] == json.loads(asking.says())


async def test_without_logins_it_refuses_to_start() -> None:
    settings = SITE.server_settings(SITE.one("Deployment", "api"))
    open_to_all = msgspec.structs.replace(settings, login="auto")

    with pytest.raises(SettingsError, match="--login=required"):
        await server(open_to_all, anyio.Event())


async def test_each_program_is_let_in_with_what_it_is_handed(
    handed: Handed, broker: NatsServer
) -> None:
    worker, persist = SITE.one("DaemonSet", "worker"), SITE.one("Deployment", "persist")
    async with (
        open_link(handed.address(persist, broker.url), "persist") as store,
        open_link(handed.address(worker, broker.url, NODES[0]), "worker") as link,
        open_link(BrokerAddress(url=broker.url), "stranger") as stranger,
    ):
        for each in (store, link):
            with anyio.fail_after(10):
                await each.wait_up()
        await provision(store, max_bytes=64 << 20, replicas=1)

        assert await is_taken(link, NODES[0])
        assert not await is_taken(link, NODES[1])
        await eventually(lambda: stranger.last_error)
        assert not stranger.is_up


async def is_taken(link: Link, host: str) -> bool:
    """Tell whether the stream takes an event of *host*, or the broker refuses it."""
    link.last_error = ""
    client = link.require_client()
    heard: list[bytes] = []

    async def note(message: Any) -> None:
        heard.append(message.data)

    inbox = f"{link.inbox}.taken"
    subscription = await link.subscribe(inbox, note)
    await client.publish(subjects.events(host), b"x", reply=inbox)
    await eventually(lambda: heard or "violation" in link.last_error)
    await link.unsubscribe(subscription)
    return bool(heard)
