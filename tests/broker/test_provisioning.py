"""Stream and durables: made once, by anyone, with no moment in which data vanishes."""

from __future__ import annotations

import asyncio

import pytest
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType
from servers import NatsServer

from robometrics import subjects
from robometrics.broker import (
    AckedPublisher,
    Link,
    Puller,
    open_link,
    provision,
    provisioning,
)
from robometrics.errors import RetryLaterError
from robometrics.schema import MESSAGE_BYTES_MAX

SUBJECT = subjects.host_samples("robot")
SIZE = 64 << 20


def js_of(link: Link) -> JetStreamContext:
    return link.require_client().jetstream()


async def publish(link: Link, subject: str, message_id: str) -> bool:
    async with AckedPublisher.open(link, max_in_flight=4) as publisher:
        return await (await publisher.publish(subject, b"x", message_id=message_id))


async def test_the_stream_pushes_back_instead_of_losing(link: Link) -> None:
    info = await js_of(link).stream_info(provisioning.STREAM)

    config = info.config
    assert (
        [subjects.SAMPLES, subjects.EVENTS],
        StorageType.FILE,
        RetentionPolicy.INTEREST,
        DiscardPolicy.NEW,
        SIZE,
    ) == (
        config.subjects,
        config.storage,
        config.retention,
        config.discard,
        config.max_bytes,
    )
    assert (config.max_msg_size or 0) > MESSAGE_BYTES_MAX
    assert 2 == info.state.consumer_count


async def test_every_subject_of_the_stream_has_an_interested_durable(
    link: Link,
) -> None:
    """On an interest stream any other message is acknowledged and gone."""
    for number, subject in enumerate(
        (
            SUBJECT,
            subjects.gpu_samples("robot", 0),
            subjects.process_samples("robot", "planner"),
            subjects.events("robot"),
        )
    ):
        assert await publish(link, subject, f"m-{number}")

    assert 4 == (await js_of(link).stream_info(provisioning.STREAM)).state.messages
    assert (4, 3) == (
        await Puller(link, "persist").pending(),
        await Puller(link, "rollup").pending(),
    )


async def test_doing_it_again_keeps_messages_and_places(link: Link) -> None:
    for number in range(3):
        await publish(link, SUBJECT, f"m-{number}")
    [first] = await Puller(link, "persist").fetch(1)
    await first.ack()

    await provision(link, max_bytes=SIZE, replicas=1)

    rest = await Puller(link, "persist").fetch(10)
    assert [2, 3] == [delivery.stream_sequence for delivery in rest]


async def test_a_new_size_is_taken_over(link: Link) -> None:
    await provision(link, max_bytes=2 * SIZE, replicas=1)

    info = await js_of(link).stream_info(provisioning.STREAM)
    assert 2 * SIZE == info.config.max_bytes


async def test_what_an_older_release_made_becomes_what_this_one_wants(
    link: Link,
) -> None:
    """Durables without a last delivery, and advisories that nobody remembered."""
    js = js_of(link)
    for config in provisioning.consumer_configs():
        await js.add_consumer(provisioning.STREAM, config.evolve(max_deliver=-1))
    await js.delete_stream(provisioning.ADVISORIES)
    await publish(link, SUBJECT, "m-1")

    await provision(link, max_bytes=SIZE, replicas=1)

    for durable in ("persist", "rollup"):
        info = await js.consumer_info(provisioning.STREAM, durable)
        assert (100, 1) == (info.config.max_deliver, info.num_pending)
    puller = Puller(link, provisioning.ADVISORIES_DURABLE, provisioning.ADVISORIES)
    assert 0 == await puller.pending()


async def test_a_stream_of_advisories_that_somebody_changed_is_put_right(
    link: Link,
) -> None:
    js, wanted = js_of(link), provisioning.advisories_config(replicas=1)
    await js.update_stream(wanted.evolve(max_age=60, max_bytes=1 << 30))

    await provision(link, max_bytes=SIZE, replicas=1)

    config = (await js.stream_info(provisioning.ADVISORIES)).config
    assert (30 * 86_400, 4 << 20) == (config.max_age, config.max_bytes)


async def test_a_lost_durable_is_made_anew(link: Link) -> None:
    await js_of(link).delete_consumer(provisioning.STREAM, "rollup")

    await provision(link, max_bytes=SIZE, replicas=1)

    assert 0 == await Puller(link, "rollup").pending()


async def test_many_at_once_make_one_stream(nats_server: NatsServer) -> None:
    async with (
        open_link(nats_server.url, "a") as a,
        open_link(nats_server.url, "b") as b,
    ):
        await asyncio.gather(a.wait_up(), b.wait_up())

        await asyncio.gather(
            *(provision(one, max_bytes=SIZE, replicas=1) for one in (a, b) * 4)
        )

        info = await js_of(a).stream_info(provisioning.STREAM)
        assert 2 == info.state.consumer_count
        assert await publish(b, SUBJECT, "m-1")


async def test_somebody_who_was_faster_is_no_failure(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between asking for the stream and making it, another server made it."""

    async def not_seen(_: JetStreamContext, name: str) -> bool:
        return False

    await publish(link, SUBJECT, "m-1")
    monkeypatch.setattr(provisioning, "_exists", not_seen)

    await provision(link, max_bytes=SIZE, replicas=1)

    info = await js_of(link).stream_info(provisioning.STREAM)
    assert ([subjects.SAMPLES, subjects.EVENTS], 1) == (
        info.config.subjects,
        info.state.messages,
    )


async def test_publishing_before_the_durables_exist_fails_rather_than_vanishes(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Provisioning dies between stream and durables, the worst moment there is."""

    def die() -> list[object]:
        raise ZeroDivisionError

    async with open_link(nats_server.url, "test") as link:
        await link.wait_up()
        with monkeypatch.context() as patched:
            patched.setattr(provisioning, "consumer_configs", die)
            with pytest.raises(ZeroDivisionError):
                await provision(link, max_bytes=SIZE, replicas=1)
        assert 0 == (await js_of(link).stream_info("ROBOMETRICS")).state.consumer_count

        with pytest.raises(RetryLaterError, match="no stream takes this subject"):
            await publish(link, SUBJECT, "m-1")

        await provision(link, max_bytes=SIZE, replicas=1)
        assert await publish(link, SUBJECT, "m-1")
        assert 1 == await Puller(link, "persist").pending()


async def test_a_broker_that_is_away_is_retried(nats_server: NatsServer) -> None:
    nats_server.kill()
    async with open_link(nats_server.url, "test") as link:
        with pytest.raises(RetryLaterError, match="no connection"):
            await provision(link, max_bytes=SIZE, replicas=1)
