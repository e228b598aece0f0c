"""Answers to what was delivered: once each, and only while there is a broker."""

from __future__ import annotations

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics.broker import Delivery, Link, Puller
from robometrics.broker import delivery as answers
from robometrics.errors import RetryLaterError

from .pulling import is_settled, publish

pytestmark = pytest.mark.usefixtures("quick")

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

    await eventually(lambda: is_settled(puller))
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
