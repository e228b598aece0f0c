"""Fetching from a shared durable: each message to one, until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib

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
            name = f"{data[:20]!r}-{number}"
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


# What comes at another time than it was asked for


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


# What the broker does meanwhile


async def test_a_broker_that_restarts_between_fetches_is_asked_again(
    link: Link, nats_server: NatsServer
) -> None:
    puller = Puller(link, "persist")
    for number in (b"1", b"2", b"3"):
        await publish(link, number)
        [delivery] = await fetched(puller, 1)
        assert number == delivery.data
        await delivery.ack()
        await eventually(lambda: _is_settled(puller))
        nats_server.stop()
        await eventually(lambda: not link.is_up)
        nats_server.start()
        await eventually(lambda: link.is_up)


async def _is_settled(puller: Puller) -> bool:
    try:
        return await puller.pending() == 0
    except RetryLaterError:
        return False


async def test_a_broker_killed_during_a_fetch_ends_it(
    link: Link, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "FETCH_SECONDS", 2.0)
    puller = Puller(link, "persist")
    fetching = asyncio.create_task(puller.fetch(5))
    await eventually(lambda: puller._asked == 2)

    nats_server.kill()

    try:
        assert [] == await fetching
    except RetryLaterError as exc:
        assert "cannot fetch" in str(exc) or "no connection" in str(exc)
    nats_server.start()
    await eventually(lambda: link.is_up)
    await publish(link, b"1")
    assert [b"1"] == [d.data for d in await fetched(puller, 5)]


async def test_a_durable_deleted_during_a_fetch_is_told(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "FETCH_SECONDS", 20.0)
    puller = Puller(link, "persist")
    fetching = asyncio.create_task(puller.fetch(5))
    await eventually(lambda: puller._asked == 2)
    js = link.require_client().jetstream()

    await js.delete_consumer("ROBOMETRICS", "persist")

    with pytest.raises(RetryLaterError, match="Consumer Deleted"):
        await asyncio.wait_for(fetching, 10)


async def test_while_others_hold_all_a_durable_hands_out_there_is_nothing(
    link: Link,
) -> None:
    """It is said, or it is waited for; never is it a message."""
    js = link.require_client().jetstream()
    config = (await js.consumer_info("ROBOMETRICS", "persist")).config
    config.max_ack_pending = 2
    await js.add_consumer("ROBOMETRICS", config)
    await publish(link, b"1", b"2", b"3")
    puller, other = Puller(link, "persist"), Puller(link, "persist")
    held = await puller.fetch(2)
    assert 2 == len(held)

    try:
        assert [] == await other.fetch(1)
    except RetryLaterError as exc:
        assert "MaxAckPending" in str(exc)

    await held[0].ack()
    found: list[bytes] = []

    async def is_there() -> bool:
        with contextlib.suppress(RetryLaterError):
            found.extend(d.data for d in await other.fetch(1))
        return bool(found)

    await eventually(is_there)
    assert [b"3"] == found


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
    await eventually(lambda: _is_settled(puller))


SHORT = b"$JS.ACK.ROBOMETRICS.persist.3.17.5.1790000000000000000.4"
LONG = b"$JS.ACK.hub.ACCOUNT.ROBOMETRICS.persist.3.17.5.1790000000000000000.4"


@pytest.mark.parametrize("reply", [SHORT, LONG, LONG + b".token"])
async def test_both_forms_of_the_subject_of_answers_are_understood(
    link: Link, reply: bytes
) -> None:
    """Brokers with a domain, and newer ones, put two more words into it."""
    delivery = Delivery(link, b"a.b", reply, b"data")

    assert (3, 17) == (delivery.attempts, delivery.stream_sequence)


async def test_what_is_done_is_not_handed_back_or_held(link: Link) -> None:
    await publish(link, b"1", b"2")
    puller = Puller(link, "persist")
    one, two = await puller.fetch(2)
    await one.ack()
    await two.term()

    for delivery in (one, two):
        await delivery.in_progress()
        await delivery.retry()

    await eventually(lambda: _is_settled(puller))
    assert [] == await puller.fetch(2)


async def test_without_a_connection_nothing_is_answered(
    link: Link, nats_server: NatsServer
) -> None:
    """Then it comes again, as it should."""
    await publish(link, b"1")
    [delivery] = await Puller(link, "persist").fetch(1)
    nats_server.kill()
    await eventually(lambda: not link.is_up)

    for answer in (
        *(delivery.ack, delivery.term, delivery.retry),
        delivery.in_progress,
    ):
        with pytest.raises(RetryLaterError):
            await answer()
    assert not delivery.is_done


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


async def test_many_are_acknowledged_together_or_none(
    link: Link, nats_server: NatsServer
) -> None:
    await publish(link, b"1", b"2", b"3")
    puller = Puller(link, "persist")
    deliveries = await puller.fetch(3)

    nats_server.stop()  # killed, it may forget that it delivered anything
    await eventually(lambda: not link.is_up)
    with pytest.raises(RetryLaterError):
        answers.ack_all(deliveries)
    assert not any(each.is_done for each in deliveries)

    nats_server.start()
    await eventually(lambda: link.is_up)
    answers.ack_all(deliveries)
    answers.ack_all([])

    async def settled() -> bool:
        return await puller.pending() == 0

    await eventually(settled)
    assert all(each.is_done for each in deliveries)
