"""What credentials let their holder do, and what they do not: both, at a real broker.

Whoever took over a host has its credentials, and need not use our programs. So these
tests speak to the broker directly.
"""

from __future__ import annotations

import pytest
from waiting import eventually

from robometrics import subjects
from robometrics.broker import (
    AckedPublisher,
    Link,
    Message,
    Puller,
    ask_once,
    last_sequence,
    open_link,
    provision,
)
from robometrics.enrolment.keys import new_seed, public_key
from robometrics.errors import SettingsError

from .attacking import OTHER, OWN, connected, is_refused, settled
from .sites import CONSUMERS, EnrolledSite


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
