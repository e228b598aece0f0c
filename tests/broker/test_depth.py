"""How much waits in the stream, and for whom."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import (
    AckedPublisher,
    Link,
    Puller,
    measure_depth,
    provisioning,
)
from robometrics.errors import RetryLaterError


async def publish(link: Link, count: int, size: int = 1_000) -> None:
    subject = subjects.host_samples("robot")
    async with AckedPublisher.open(link, max_in_flight=64) as publisher:
        for number in range(count):
            name = f"m-{number}"
            await (await publisher.publish(subject, bytes(size), message_id=name))


async def test_an_empty_stream_has_no_age(link: Link) -> None:
    depth = await measure_depth(link)

    assert (0, 0, 64 << 20, None, 0.0) == (
        depth.stream.messages,
        depth.stream.bytes,
        depth.stream.max_bytes,
        depth.stream.oldest_age_seconds,
        depth.stream.filled_ratio,
    )
    assert {"persist", "rollup"} == set(depth.durables)


async def test_what_waits_is_told_for_each_durable(link: Link) -> None:
    start = time.monotonic()
    await publish(link, 5)
    held = await Puller(link, "persist").fetch(3)
    await held[0].ack()

    async def acknowledged() -> bool:
        depth = await measure_depth(link)
        return depth.durables["persist"].ack_pending == 2

    await eventually(acknowledged)
    depth = await measure_depth(link)

    persist, rollup = depth.durables["persist"], depth.durables["rollup"]
    assert (2, 2, 0) == (persist.pending, persist.ack_pending, persist.redelivered)
    assert (5, 0, 0) == (rollup.pending, rollup.ack_pending, rollup.pulls)
    assert 5 == depth.stream.messages
    assert 0 < depth.stream.filled_ratio < 0.001
    age_seconds = depth.stream.oldest_age_seconds
    assert age_seconds is not None
    assert 0 <= age_seconds <= time.monotonic() - start + 0.1


async def test_without_stream_or_durable_it_says_which(link: Link) -> None:
    js = link.require_client().jetstream()
    await js.delete_consumer(provisioning.STREAM, "rollup")
    with pytest.raises(RetryLaterError, match="rollup: consumer not found"):
        await measure_depth(link)

    await js.delete_stream(provisioning.STREAM)
    with pytest.raises(RetryLaterError, match="not found"):
        await measure_depth(link)


async def test_a_broker_that_is_away_is_told_at_once(
    link: Link, nats_server: NatsServer
) -> None:
    nats_server.kill()
    await eventually(lambda: not link.is_up)

    start = time.monotonic()
    with pytest.raises(RetryLaterError, match="no connection"):
        await measure_depth(link)
    assert time.monotonic() - start < 1


async def test_a_broker_that_does_not_answer_is_not_waited_for_long(
    link: Link, frozen: NatsServer
) -> None:
    start = time.monotonic()
    with pytest.raises(RetryLaterError):
        await measure_depth(link, timeout_seconds=0.3)
    assert time.monotonic() - start < 2


@pytest.fixture
def frozen(link: Link, nats_server: NatsServer) -> Iterator[NatsServer]:
    """The broker, alive and deaf."""
    nats_server.freeze()
    yield nats_server
    nats_server.thaw()
