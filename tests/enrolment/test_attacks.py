"""What credentials let their holder do, and what they do not: both, at a real broker.

Whoever took over a host has its credentials, and need not use our programs. So these
tests speak to the broker directly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from builders import host_batch, tally
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.api.verify import answering
from robometrics.broker import (
    AckedPublisher,
    Link,
    Message,
    Puller,
    ask_once,
    last_sequence,
    open_link,
    provision,
    unacknowledged,
)
from robometrics.enrolment.keys import new_seed, public_key
from robometrics.enrolment.permissions import Role
from robometrics.errors import DiscardMessageError, SettingsError
from robometrics.requests import Verdict, decode_verdict
from robometrics.schema import Tally, decode_batch, encode
from robometrics.store import Store

from .sites import CONSUMERS, HOSTS, EnrolledSite

OWN, OTHER = HOSTS


@asynccontextmanager
async def connected(site: EnrolledSite, role: Role, name: str) -> AsyncIterator[Link]:
    async with open_link(site.address(role, name), "attacker") as link:
        with anyio.fail_after(10):
            await link.wait_up()
        yield link


async def settled(link: Link) -> None:
    """Wait until the broker has done all that *link* asked of it so far.

    A ``flush`` may take the answer to an earlier one, which connecting leaves behind.
    """
    heard = anyio.Event()

    async def note(_: Message) -> None:
        heard.set()

    inbox = f"{link.inbox}.settled"
    subscription = await link.subscribe(inbox, note)
    await link.require_client().publish(inbox, b"")
    with anyio.fail_after(10):
        await heard.wait()
    await link.unsubscribe(subscription)


async def is_refused(link: Link, verb: str, subject: str) -> bool:
    """Try it; return whether the broker says it is not permitted."""
    client = link.require_client()
    link.last_error = ""

    async def ignore(_: Message) -> None:
        return

    if verb == "publish":
        await client.publish(subject, b"forged")
    else:
        await client.subscribe(subject, cb=ignore)
    what = "publish" if verb == "publish" else "subscription"
    said = f'permissions violation for {what} to "{subject}"'.lower()  # as nats-py
    with anyio.move_on_after(5):
        await eventually(lambda: said in link.last_error)
    return said in link.last_error


def worker_attacks() -> list[tuple[str, str]]:
    somebodys_inbox = subjects.inbox_of(public_key(new_seed("user")))
    return [
        ("publish", subjects.host_samples(OTHER)),
        ("publish", subjects.process_samples(OTHER, "planner")),
        ("publish", subjects.gpu_samples(OTHER, 0)),
        ("publish", subjects.events(OTHER)),
        ("publish", subjects.register(OTHER)),
        ("publish", subjects.verify(OTHER)),
        ("publish", subjects.VERIFY),
        ("publish", subjects.CONTROL),
        ("publish", f"{somebodys_inbox}.ack.1"),
        ("publish", "$JS.API.INFO"),
        ("publish", "$JS.API.STREAM.INFO.ROBOMETRICS"),
        ("publish", "$JS.API.STREAM.DELETE.ROBOMETRICS"),
        ("publish", "$JS.API.STREAM.MSG.GET.ROBOMETRICS"),
        ("publish", "$JS.API.CONSUMER.MSG.NEXT.ROBOMETRICS.persist"),
        ("publish", "$JS.API.CONSUMER.CREATE.ROBOMETRICS"),
        ("publish", "$JS.ACK.ROBOMETRICS.persist.1.1.1.1.0"),
        ("publish", "$SYS.REQ.CLAIMS.UPDATE"),
        ("publish", "$SYS.REQ.SERVER.PING"),
        ("subscribe", subjects.SAMPLES),
        ("subscribe", subjects.EVENTS),
        ("subscribe", subjects.all_samples_of(OTHER)),
        ("subscribe", subjects.all_samples_of(OWN)),
        ("subscribe", subjects.register(OTHER)),
        ("subscribe", subjects.ANY_REGISTER),
        ("subscribe", subjects.TIME),
        ("subscribe", subjects.VERIFY),
        ("subscribe", subjects.ANY_VERIFY),
        ("subscribe", subjects.verify(OWN)),
        ("subscribe", f"{somebodys_inbox}.>"),
        ("subscribe", "_INBOX.>"),
        ("subscribe", "$JS.EVENT.>"),
        ("subscribe", ">"),
    ]


async def test_a_worker_does_what_is_its_hosts_and_nothing_else(
    site: EnrolledSite,
) -> None:
    heard: list[str] = []

    async def note(message: Message) -> None:
        heard.append(message.subject)

    async with (
        connected(site, "server", "server") as server,
        connected(site, "worker", OWN) as link,
        AckedPublisher.open(link, max_in_flight=8) as publisher,
    ):
        await server.subscribe(subjects.SAMPLES, note)
        await settled(server)
        for subject in (subjects.host_samples(OWN), subjects.events(OWN)):
            ack = await publisher.publish(subject, b"own", message_id=subject)
            assert await ack

        attacks = worker_attacks()
        refused = [attack for attack in attacks if await is_refused(link, *attack)]

        assert attacks == refused
        assert [subjects.host_samples(OWN)] == heard


async def test_a_program_asks_the_worker_of_its_host_and_nobody_else(
    site: EnrolledSite,
) -> None:
    async def answer(message: Message) -> None:
        await message.respond(b"yes")

    async with (
        connected(site, "worker", OWN) as worker,
        connected(site, "worker", OTHER) as other,
        connected(site, "program", OWN) as link,
    ):
        for each, host in ((worker, OWN), (other, OTHER)):
            await each.subscribe(subjects.register(host), answer)
            await settled(each)
        asked = subjects.register(OWN)
        assert b"yes" == await link.request(asked, b"?", timeout_seconds=5)

        for verb, subject in (
            ("publish", subjects.register(OTHER)),
            ("publish", subjects.host_samples(OWN)),
            ("publish", subjects.CONTROL),
            ("publish", "$JS.API.STREAM.INFO.ROBOMETRICS"),
            ("subscribe", subjects.register(OWN)),
            ("subscribe", subjects.SAMPLES),
        ):
            assert await is_refused(link, verb, subject), subject


async def test_a_server_keeps_the_stream_and_cannot_empty_it(
    site: EnrolledSite,
) -> None:
    async with connected(site, "server", "server") as link:
        assert 0 <= await last_sequence(link)

        for verb, subject in (
            ("publish", "$JS.API.STREAM.DELETE.ROBOMETRICS"),
            ("publish", "$JS.API.STREAM.PURGE.ROBOMETRICS"),
            ("publish", "$JS.API.STREAM.CREATE.ANOTHER"),
            ("publish", "$SYS.REQ.CLAIMS.UPDATE"),
            ("subscribe", "_INBOX.>"),
            ("subscribe", subjects.ANY_REGISTER),
        ):
            assert await is_refused(link, verb, subject), subject


async def test_a_server_without_the_api_reads_the_stream_and_speaks_for_nobody(
    site: EnrolledSite,
) -> None:
    async with connected(site, "consumer", CONSUMERS) as link:
        await provision(link, max_bytes=64 << 20, replicas=1)
        assert 0 <= await last_sequence(link)
        for delivery in await Puller(link, "rollup").fetch(1):
            await delivery.retry()

        for verb, subject in (
            ("publish", subjects.host_samples(OWN)),
            ("publish", subjects.events(OWN)),
            ("publish", subjects.register(OWN)),
            ("publish", subjects.CONTROL),
            ("publish", "_INBOX.somebody.1"),
            ("publish", "$JS.API.STREAM.PURGE.ROBOMETRICS"),
            ("subscribe", subjects.SAMPLES),
            ("subscribe", subjects.ANY_VERIFY),
            ("subscribe", subjects.TIME),
        ):
            assert await is_refused(link, verb, subject), subject


async def test_who_has_no_credentials_or_made_up_ones_is_not_let_in(
    site: EnrolledSite,
) -> None:
    made_up = site.office.folder / "credentials" / "made-up"
    made_up.write_text(new_seed("user"))
    made_up.chmod(0o600)
    stranger = site.address("worker", OWN)
    for address in (
        stranger.url,
        type(stranger)(url=stranger.url, credentials_file=str(made_up)),
    ):
        async with open_link(address, "stranger") as link:
            await eventually(
                lambda link=link: "authorization" in link.last_error.lower()
            )
            assert not link.is_up
            assert "robometrics enroll" in link.last_error
        with pytest.raises(SettingsError, match="robometrics enroll"):
            await ask_once(address, [subjects.CONTROL], b"", timeout_seconds=5)


async def test_what_is_refused_every_second_is_said_once_and_seldom_again(
    site: EnrolledSite,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker with another host's credentials tries on one subject and another."""
    forbidden = [subjects.events(OWN), subjects.register(OWN)]

    async def refused_on_both(link: Link) -> None:
        for subject in forbidden:
            await link.require_client().publish(subject, b"")
            await eventually(lambda subject=subject: subject in link.last_error)

    def said() -> int:
        return sum("permissions violation" in line for line in caplog.messages)

    async with connected(site, "worker", OTHER) as link:
        for _ in range(2):
            await refused_on_both(link)
        assert 1 == said()
        assert "robometrics enroll" in link.last_error

        monkeypatch.setattr("robometrics.broker.link.VIOLATION_SECONDS", 0.0)
        await refused_on_both(link)
        assert 3 == said()


async def test_an_answer_is_no_way_to_speak_for_another(site: EnrolledSite) -> None:
    """Who asks says where to answer, and the broker does not check whose that is."""
    asked: list[str] = []

    async def answer(message: Message) -> None:
        asked.append(message.reply)
        if message.reply:
            await message.respond(b"chosen by who asks")

    async with (
        connected(site, "server", "server") as server,
        connected(site, "worker", OWN) as link,
    ):
        await server.subscribe(subjects.TIME, answer)
        await settled(server)
        client = link.require_client()
        await client.publish(subjects.TIME, b"", reply=subjects.host_samples(OTHER))
        own = await link.request(subjects.TIME, b"", timeout_seconds=5)

        assert b"chosen by who asks" == own
        assert "" == asked[0]
        assert asked[1].startswith(link.inbox)


async def test_a_worker_is_told_what_of_its_own_host_is_stored_and_of_no_other(
    site: EnrolledSite, store: Store
) -> None:
    async with (
        connected(site, "server", "server") as server,
        connected(site, "worker", OWN) as link,
        answering(server, store),
    ):

        async def verdict(sent: Tally) -> Verdict:
            where = subjects.verify(OWN)
            answer = await link.request(where, encode(sent), timeout_seconds=20)
            return decode_verdict(answer or b"")

        await settled(server)
        own, other = (tally(host_batch(host=host), host=host) for host in (OWN, OTHER))

        assert Verdict(rows=own.rows) == await verdict(own)
        refused = await verdict(other)
        assert ([], True) == (refused.rows, "another host's" in refused.problem)
        for subject in (subjects.verify(OTHER), subjects.VERIFY):
            assert await is_refused(link, "publish", subject)
        # Nor does a server with an identity listen where all could ask about all.
        assert "" == server.last_error


async def test_an_acknowledgement_sent_elsewhere_is_no_sample_and_no_order(
    site: EnrolledSite,
) -> None:
    """JetStream acknowledges to any subject, but in its own words alone.

    That such words arrive on another host's subject cannot be forbidden: there they are
    a dead letter. JetStream itself does not listen to them.
    """
    heard: list[bytes] = []

    async def note(message: Message) -> None:
        heard.append(message.data)

    async with (
        connected(site, "server", "server") as server,
        connected(site, "worker", OWN) as link,
    ):
        await server.subscribe(subjects.all_samples_of(OTHER), note)
        await settled(server)
        before = await last_sequence(server)
        for reply in (
            "$JS.API.STREAM.PURGE.ROBOMETRICS",
            "$JS.API.STREAM.DELETE.ROBOMETRICS",
            "$JS.API.CONSUMER.DELETE.ROBOMETRICS.persist",
            subjects.host_samples(OTHER),
        ):
            client = link.require_client()
            await client.publish(subjects.host_samples(OWN), b"x", reply=reply)
        await eventually(lambda: heard)

        assert before + 5 == await last_sequence(server)  # the last with its answer
        assert before + 5 <= await unacknowledged(server, before + 5)
        with pytest.raises(DiscardMessageError):
            decode_batch(heard[0])


async def test_credentials_of_a_host_are_not_for_a_broker_of_many(
    site: EnrolledSite, tmp_path: Path
) -> None:
    """A leaf node would bring in whoever connects to it."""
    file = Path(site.address("worker", OWN).credentials_file)
    way = f'credentials: "{file}"'
    if site.kind == "users":
        way = f'nkey: "{file.read_text().strip()}"'
    leaf = NatsServer(tmp_path / "leaf")
    leaf.directory.mkdir()
    leaf.config = tmp_path / "leaf.conf"
    leaf.config.write_text(
        f"""leafnodes {{ remotes: [{{
          url: "nats-leaf://127.0.0.1:{site.leaf_port}"
          {way} }}] }}"""
    )
    log = leaf.directory / "nats.log"

    leaf.start(jetstream=False)
    try:
        await eventually(lambda: "Leafnode Error" in log.read_text())
        assert "Authorization Violation" in log.read_text()
    finally:
        leaf.stop()
