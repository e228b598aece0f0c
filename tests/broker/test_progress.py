"""How far the consumers are with what was in the stream at one time."""

from __future__ import annotations

import uuid

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import (
    AckedPublisher,
    Link,
    Puller,
    last_sequence,
    unacknowledged,
)
from robometrics.errors import RetryLaterError

HOST, EVENTS = subjects.host_samples("robot"), subjects.events("robot")


async def publish(link: Link, *subjects: str) -> int:
    async with AckedPublisher.open(link, max_in_flight=64) as publisher:
        for subject in subjects:
            await (await publisher.publish(subject, b"x", message_id=uuid.uuid4().hex))
    return await last_sequence(link)


async def acknowledge(link: Link, durable: str, count: int) -> None:
    for delivery in await Puller(link, durable).fetch(count):
        await delivery.ack()


async def test_what_one_consumer_has_not_acknowledged_counts(link: Link) -> None:
    assert 0 == await unacknowledged(link, await last_sequence(link))

    last = await publish(link, HOST, HOST, EVENTS)

    assert (3, 3) == (last, await unacknowledged(link, last))
    await acknowledge(link, "persist", 3)
    await eventually(lambda: is_left(link, last, 2))
    await acknowledge(link, "rollup", 1)
    await eventually(lambda: is_left(link, last, 1))
    await acknowledge(link, "rollup", 1)
    await eventually(lambda: is_left(link, last, 0))


async def test_what_came_later_does_not_count(link: Link) -> None:
    """A live stream is never empty; what matters is what was in it before."""
    last = await publish(link, HOST, EVENTS)
    await acknowledge(link, "persist", 2)
    await acknowledge(link, "rollup", 1)
    await publish(link, *[HOST] * 5)

    await eventually(lambda: is_left(link, last - 1, 0))


async def is_left(link: Link, up_to: int, count: int) -> bool:
    return count == await unacknowledged(link, up_to)


async def test_without_a_broker_it_cannot_tell(
    link: Link, nats_server: NatsServer
) -> None:
    nats_server.kill()
    await eventually(lambda: not link.is_up)

    for asked in (last_sequence(link), unacknowledged(link, 1)):
        with pytest.raises(RetryLaterError):
            await asked
