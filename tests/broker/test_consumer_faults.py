"""Fetching while the broker restarts, dies, or hands out nothing."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics.broker import Link, Puller, consumer
from robometrics.errors import RetryLaterError

from .pulling import fetched, is_settled, publish

pytestmark = pytest.mark.usefixtures("quick")


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


async def test_a_broker_that_restarts_between_fetches_is_asked_again(
    link: Link, nats_server: NatsServer
) -> None:
    puller = Puller(link, "persist")
    for number in (b"1", b"2", b"3"):
        await publish(link, number)
        [delivery] = await fetched(puller, 1)
        assert number == delivery.data
        await delivery.ack()
        await eventually(lambda: is_settled(puller))
        nats_server.stop()
        await eventually(lambda: not link.is_up)
        nats_server.start()
        await eventually(lambda: link.is_up)


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
