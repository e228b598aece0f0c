"""The broker of a site speaks for its hosts, and for no others; at real brokers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import anyio
import msgspec
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.address import BrokerAddress
from robometrics.broker import AckedPublisher, Link, Message, open_link
from robometrics.broker.access import inbox_of
from robometrics.broker.provisioning import STREAM
from robometrics.cli.main import main
from robometrics.errors import EnrolmentError

from .sites import HOSTS, EnrolledSite

OWN, OTHER = HOSTS
LEAF = "berlin"
CONFIG = Path(__file__).parents[2] / "infra/nats/leaf.conf"
BLOCK = re.DOTALL | re.MULTILINE


@pytest.fixture(scope="module")
def included(site: EnrolledSite) -> Path:
    """What the broker of a site is given: it speaks for the first host."""
    anyio.run(told, site, "enroll", LEAF, f"--leaf={OWN}")
    return site.office.leaf_file(LEAF)


async def told(site: EnrolledSite, *words: str) -> None:
    """Run a command in a thread, as it has an event loop of its own."""
    options = [
        f"--site-dir={site.office.folder}",
        f"--nats-url={site.server.url}",
        f"--nats-pid-file={site.pid_file}",
    ]
    code = await anyio.to_thread.run_sync(partial(main, [*words, *options]))
    assert 0 == code


@contextmanager
def running(
    site: EnrolledSite, config: str, folder: Path, name: str = LEAF
) -> Iterator[NatsServer]:
    """A broker at the other end of the link, with infra/nats/leaf.conf and *config*."""
    leaf = NatsServer(folder)
    leaf.directory.mkdir()
    leaf.config = folder / "nats.conf"
    leaf.config.write_text(f"{CONFIG.read_text()}\n{config}")
    creds = folder / "leaf.creds"  # a copy: whoever has one keeps it
    if site.kind == "operator":
        made = site.office.credentials_file(site.office.open(None)[0], "leaf", name)
        creds.write_bytes(made.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in {
            "NATS_SERVER_NAME": LEAF,
            "NATS_LISTEN": "127.0.0.1:-1",
            "NATS_MONITOR_LISTEN": "127.0.0.1:-1",
            "NATS_HUB_URLS": f'["nats-leaf://127.0.0.1:{site.leaf_port}"]',
            "NATS_LEAF_CREDENTIALS": str(creds),
            "NATS_RESOLVER_DIR": str(folder / "accounts"),
        }.items():
            patch.setenv(variable, value)
        leaf.start(jetstream=False)
    try:
        yield leaf
    finally:
        leaf.stop()


@asynccontextmanager
async def linked(address: BrokerAddress) -> AsyncIterator[Link]:
    async with open_link(address, "test") as link:
        with anyio.fail_after(10):
            await link.wait_up()
        yield link


async def is_stored(client: Client, host: str) -> bool:
    """Tell whether the hub acknowledges what is published here as *host*."""
    try:
        reply = await client.request(subjects.events(host), b"x", timeout=0.5)
    except (NatsError, TimeoutError):
        return False
    return b"ROBOMETRICS" in reply.data


async def test_hosts_of_a_site_are_heard_and_answered_through_its_broker(
    site: EnrolledSite, included: Path, tmp_path: Path
) -> None:
    async def answer(message: Message) -> None:
        if message.reply:
            await message.respond(b"yes")

    with running(site, included.read_text(), tmp_path / "leaf") as leaf:
        of_worker = msgspec.structs.replace(site.address("worker", OWN), url=leaf.url)
        async with (
            linked(site.address("server", "server")) as server,
            linked(of_worker) as worker,
            AckedPublisher.open(worker, max_in_flight=8) as publisher,
        ):
            await server.subscribe(subjects.TIME, answer)
            await worker.subscribe(subjects.register(OWN), answer)
            await eventually(partial(is_stored, worker.require_client(), OWN))
            for subject in (subjects.host_samples(OWN), subjects.events(OWN)):
                acknowledged = await publisher.publish(
                    subject, b"own", message_id=f"leaf {subject}"
                )
                assert await acknowledged

            assert b"yes" == await worker.request(subjects.TIME, b"", timeout_seconds=5)
            asked = subjects.register(OWN)
            assert b"yes" == await server.request(asked, b"?", timeout_seconds=5)
        async with open_link(BrokerAddress(url=leaf.url), "stranger") as stranger:
            await eventually(lambda: stranger.last_error)
            assert not stranger.is_up


async def test_a_broker_that_was_taken_over_speaks_for_its_hosts_alone(
    site: EnrolledSite, included: Path, tmp_path: Path
) -> None:
    """It lets in anybody, and passes on whatever they say."""
    block = re.search(r"^leafnodes \{.*?^\}", included.read_text(), BLOCK)
    assert block is not None
    hostile = re.sub(", account: .*", "", block[0])
    said: list[str] = []
    heard: list[str] = []

    async def tell(message: Message) -> None:
        said.append(message.subject)

    async def hear(message: Msg) -> None:
        if message.subject.startswith(subjects.PREFIX):
            heard.append(message.subject)

    with running(site, hostile, tmp_path / "leaf") as leaf:
        async with (
            linked(site.address("server", "server")) as server,
            linked(site.address("worker", OTHER)) as other,
        ):
            await server.subscribe(subjects.SAMPLES, tell)
            inbox = f"{other.inbox}.forged"
            for subject in (inbox, subjects.register(OTHER), subjects.CONTROL):
                await other.subscribe(subject, tell)
            own = inbox_of(site.address("worker", OWN))
            forger = await nats.connect(leaf.url, inbox_prefix=own.encode())
            await eventually(partial(is_stored, forger, OWN))
            for subject in (
                subjects.host_samples(OTHER),
                subjects.register(OTHER),
                subjects.CONTROL,
                inbox,
            ):
                await forger.publish(subject, b"forged")
            assert not await is_stored(forger, OTHER)
            for verb in ("INFO", "PURGE", "DELETE"):
                with pytest.raises((NatsError, TimeoutError)):
                    await forger.request(f"$JS.API.STREAM.{verb}.{STREAM}", timeout=0.3)
            await forger.subscribe(">", cb=hear)
            await forger.flush()

            assert await is_stored(other.require_client(), OTHER)
            await other.require_client().publish(subjects.host_samples(OTHER), b"x")
            await eventually(lambda: said)
            await forger.publish(subjects.host_samples(OWN), b"x")
            await eventually(lambda: len(said) >= 2)
            await forger.close()

    assert [subjects.host_samples(host) for host in (OTHER, OWN)] == said
    assert [subjects.host_samples(OWN)] == heard


async def test_a_broker_that_is_revoked_is_cut_off(
    site: EnrolledSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await told(site, "enroll", "paris", f"--leaf={OWN}")
    included = site.office.leaf_file("paris").read_text()
    with running(site, included, tmp_path / "leaf", name="paris") as leaf:
        of_worker = msgspec.structs.replace(site.address("worker", OWN), url=leaf.url)
        async with linked(of_worker) as worker:
            client = worker.require_client()
            await eventually(partial(is_stored, client, OWN))

            await told(site, "revoke", "paris")
            said = capsys.readouterr().out
            assert (site.kind == "users") == ("start nats-server again" in said)
            if site.kind == "users":
                site.server.stop()
                site.server.start()

            async def is_cut_off() -> bool:
                return not await is_stored(client, OWN)

            await eventually(is_cut_off)
            log = leaf.directory / "nats.log"
            refusal = re.compile("Authorization Violation|Authentication Revoked")
            await eventually(lambda: refusal.search(log.read_text()))
    assert not [*site.office.folder.rglob("paris*")]


async def test_only_for_hosts_that_are_enrolled_and_under_a_name_of_its_own(
    site: EnrolledSite, included: Path
) -> None:
    assert included.stat().st_mode & 0o077 == 0
    for name, host, hint in (
        ("rome", "nobody", "robometrics enroll nobody"),
        (OWN, OWN, f"robometrics revoke {OWN}"),
        (LEAF, OWN, f"robometrics revoke {LEAF}"),
        ("server", OWN, "the server itself"),
    ):
        with pytest.raises(EnrolmentError, match=hint):
            site.office.enroll_leaf(name, [host])
    with pytest.raises(EnrolmentError, match=LEAF):
        site.office.enroll("worker", LEAF)
