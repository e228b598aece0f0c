"""Fetching from a shared durable: each message to one, until it is acknowledged."""

from __future__ import annotations

import asyncio

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import (
    AckedPublisher,
    Delivery,
    Link,
    Puller,
    consumer,
    open_link,
)
from robometrics.broker import delivery as answers
from robometrics.errors import RetryLaterError

SUBJECT = subjects.host_samples("robot")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for messages, and hand back at once."""
    monkeypatch.setattr(consumer, "FETCH_SECONDS", 0.2)
    monkeypatch.setattr(answers, "RETRY_SECONDS", 0.05)


async def publish(link: Link, *messages: bytes) -> None:
    async with AckedPublisher.open(link, max_in_flight=64) as publisher:
        for number, data in enumerate(messages):
            name = f"{data!r}-{number}"
            await (await publisher.publish(SUBJECT, data, message_id=name))


async def fetched(puller: Puller, count: int) -> list[Delivery]:
    """Fetch until there is something."""
    found: list[Delivery] = []

    async def some() -> bool:
        found.extend(await puller.fetch(count))
        return bool(found)

    await eventually(some)
    return found


async def test_nothing_there_is_an_empty_list(link: Link) -> None:
    assert [] == await Puller(link, "persist").fetch(10)


async def test_what_is_there_comes_at_once_and_at_most_as_many_as_wanted(
    link: Link,
) -> None:
    await publish(link, b"1", b"2", b"3")
    puller = Puller(link, "persist")

    first, rest = await puller.fetch(2), await puller.fetch(2)

    assert [[b"1", b"2"], [b"3"]] == [[d.data for d in first], [d.data for d in rest]]
    assert [(SUBJECT, 1, 1), (SUBJECT, 2, 1), (SUBJECT, 3, 1)] == [
        (d.subject, d.stream_sequence, d.attempts) for d in [*first, *rest]
    ]


async def test_an_acknowledged_message_never_comes_again(link: Link) -> None:
    await publish(link, b"1")
    puller = Puller(link, "persist")
    [delivery] = await puller.fetch(1)
    assert 1 == await puller.pending()

    await delivery.ack()

    async def settled() -> bool:
        return await puller.pending() == 0

    await eventually(settled)
    assert [] == await puller.fetch(1)


async def test_a_message_handed_back_comes_again_a_little_later(link: Link) -> None:
    await publish(link, b"1")
    puller = Puller(link, "persist")
    [delivery] = await puller.fetch(1)

    await delivery.retry()

    [again] = await fetched(puller, 1)
    assert (b"1", 1, 2) == (again.data, again.stream_sequence, again.attempts)


async def test_a_terminated_message_never_comes_again(link: Link) -> None:
    await publish(link, b"bad", b"good")
    puller = Puller(link, "persist")
    bad, good = await puller.fetch(2)

    await bad.term()
    await good.retry()

    assert [b"good"] == [d.data for d in await fetched(puller, 10)]
    assert 1 == await puller.pending()


async def test_each_durable_has_its_own_place(link: Link) -> None:
    await publish(link, b"1")
    [delivery] = await Puller(link, "persist").fetch(1)
    await delivery.ack()

    assert [b"1"] == [d.data for d in await Puller(link, "rollup").fetch(1)]


async def test_two_pullers_share_a_durable_without_overlap(
    link: Link, nats_server: NatsServer
) -> None:
    messages = [b"%d" % number for number in range(200)]
    await publish(link, *messages)
    taken: dict[int, list[bytes]] = {0: [], 1: []}

    async def take(number: int, puller: Puller) -> None:
        while deliveries := await puller.fetch(7):
            for delivery in deliveries:
                taken[number].append(delivery.data)
                await delivery.ack()

    async with open_link(nats_server.url, "other") as other:
        await other.wait_up()
        await asyncio.gather(
            take(0, Puller(link, "persist")), take(1, Puller(other, "persist"))
        )

    assert sorted(messages) == sorted(taken[0] + taken[1])
    assert all(taken.values())


async def test_a_durable_not_provisioned_is_to_be_tried_again(link: Link) -> None:
    puller = Puller(link, "nobody")

    with pytest.raises(RetryLaterError, match="cannot fetch from nobody"):
        await puller.fetch(1)
    with pytest.raises(RetryLaterError, match="no info of nobody"):
        await puller.pending()


async def test_a_durable_deleted_and_made_anew_is_found_again(link: Link) -> None:
    await publish(link, b"1")
    puller = Puller(link, "persist")
    await puller.fetch(1)
    js = link.require_client().jetstream()
    config = (await js.consumer_info("ROBOMETRICS", "persist")).config
    await js.delete_consumer("ROBOMETRICS", "persist")
    with pytest.raises(RetryLaterError):
        await puller.fetch(1)

    await js.add_consumer("ROBOMETRICS", config)

    await publish(link, b"2")
    assert b"2" in [d.data for d in await fetched(puller, 10)]


async def test_after_a_kill_the_same_puller_goes_on(
    link: Link, nats_server: NatsServer
) -> None:
    await publish(link, b"1", b"2")
    puller = Puller(link, "persist")
    [held] = await puller.fetch(1)

    nats_server.kill()
    await eventually(lambda: not link.is_up)
    with pytest.raises(RetryLaterError):
        await puller.fetch(1)
    with pytest.raises(RetryLaterError):
        await puller.pending()

    nats_server.start()
    await eventually(lambda: link.is_up)
    await held.ack()
    # The broker writes what it delivered a moment later: a kill may bring "1" again.
    got: list[bytes] = []
    while b"2" not in got:
        for delivery in await fetched(puller, 1):
            got.append(delivery.data)
            await delivery.ack()

    async def settled() -> bool:
        return await puller.pending() == 0

    await eventually(settled)
