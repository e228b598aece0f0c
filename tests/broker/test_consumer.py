"""Fetching from a shared durable: each message to one, until it is acknowledged."""

from __future__ import annotations

import asyncio

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics.broker import Delivery, Link, Puller, consumer, open_link

from .pulling import SUBJECT, fetched, is_settled, publish

pytestmark = pytest.mark.usefixtures("quick")


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


async def test_what_comes_late_for_an_earlier_request_is_not_lost(link: Link) -> None:
    puller = Puller(link, "persist")
    await puller.fetch(1)
    earlier = f"{puller._inbox}.1"

    ask = b'{"batch":3,"expires":20000000000}'
    subject = "$JS.API.CONSUMER.MSG.NEXT.ROBOMETRICS.persist"
    await link.require_client().publish(subject, ask, reply=earlier)
    await publish(link, b"1", b"2", b"3")
    await eventually(lambda: len(puller._ready) == 3)

    assert [b"1", b"2"] == [d.data for d in await puller.fetch(2)]
    assert [b"3"] == [d.data for d in await puller.fetch(2)]


@pytest.mark.parametrize("status", ["404 No Messages", "409 Consumer Deleted", "503"])
async def test_how_an_earlier_request_ended_does_not_matter_any_more(
    link: Link, status: str
) -> None:
    """Its number is not the end of another's: 1 is not 11."""
    puller = Puller(link, "persist")
    for _ in range(11):
        await puller._ask(1, {"no_wait": True})
    assert 11 == puller._asked
    client = link.require_client()
    fetching = asyncio.create_task(puller.fetch(1))
    await eventually(lambda: puller._asked == 13)

    # The statuses of requests 1 and 12 reach it while 13 waits.
    head = f"NATS/1.0 {status}\r\n\r\n"
    for number in (1, 3, 12):
        command = f"HPUB {puller._inbox}.{number} {len(head)} {len(head)}\r\n{head}\r\n"
        client.send(command.encode(), len(head))
    await publish(link, b"1")

    assert [b"1"] == [d.data for d in await fetching]


async def test_many_small_fetches_beside_a_big_one_take_each_message_once(
    link: Link, nats_server: NatsServer
) -> None:
    messages = [b"%d" % number for number in range(400)]
    await publish(link, *messages)
    taken: list[bytes] = []

    async def take(puller: Puller, count: int) -> None:
        while deliveries := await puller.fetch(count):
            assert len(deliveries) <= count
            taken.extend(delivery.data for delivery in deliveries)
            for delivery in deliveries:
                await delivery.ack()

    async with open_link(nats_server.url, "other") as other:
        await other.wait_up()
        small = [take(Puller(link, "persist"), 1 + n % 3) for n in range(8)]
        await asyncio.gather(take(Puller(other, "persist"), 100), *small)

    assert sorted(messages) == sorted(taken)


async def test_one_puller_may_ask_for_more_and_for_less(link: Link) -> None:
    messages = [b"%03d" % number for number in range(60)]
    await publish(link, *messages)
    puller = Puller(link, "persist")

    found = [d.data for n in (1, 30, 2, 1, 20, 50) for d in await puller.fetch(n)]

    assert messages == found


async def test_a_subject_that_is_no_text_stops_nothing(link: Link) -> None:
    """Whoever may publish for a host chooses the bytes; they become a dead letter."""
    subject = b"robometrics.v1.samples.robot.process.\xff\xfe"
    link.require_client().send(b"PUB %b 3\r\nbad\r\n" % subject, 3)
    await publish(link, b"good")
    puller = Puller(link, "persist")

    found: list[Delivery] = []
    while len(found) < 2:
        found += await fetched(puller, 10)

    assert {b"bad", b"good"} == {d.data for d in found}
    [bad] = [d for d in found if d.data == b"bad"]
    assert r"robometrics.v1.samples.robot.process.\xff\xfe" == bad.subject
    await bad.term()
    [good] = [d for d in found if d.data == b"good"]
    await good.ack()
    await eventually(lambda: is_settled(puller))


async def test_a_fetch_is_bounded_in_bytes_too_and_the_next_one_goes_on(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand of the largest messages would be a quarter of a gigabyte."""
    monkeypatch.setattr(consumer, "FETCH_BYTES_MAX", 100_000)
    messages = [bytes([number]) * 30_000 for number in range(10)]
    await publish(link, *messages)
    puller = Puller(link, "persist")

    fetches: list[list[bytes]] = []
    while sum(map(len, fetches)) < len(messages):
        fetches.append([each.data for each in await puller.fetch(1_000)])

    assert messages == [data for fetch in fetches for data in fetch]
    assert {3} == {len(fetch) for fetch in fetches[:-1]}
