"""What the broker gave up delivering becomes a dead letter, and leaves the stream."""

from __future__ import annotations

import pytest
from builders import SLOT, process_batch
from servers import MongoServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link, Puller, provisioning
from robometrics.consumers.abandoned import Abandoned
from robometrics.consumers.persist import persist
from robometrics.schema import encode
from robometrics.store import Store

from .consuming import publish, run_until_drained, running

SUBJECT = subjects.process_samples("robot", "planner")
BATCHES = [process_batch(slot=SLOT + number) for number in range(3)]
GUILTY = encode(BATCHES[1])
DELIVERIES_MAX = 3


async def messages(link: Link, stream: str = provisioning.STREAM) -> int:
    js = link.require_client().jetstream()
    return (await js.stream_info(stream)).state.messages


async def waiting_advisories(link: Link) -> int:
    puller = Puller(link, provisioning.ADVISORIES_DURABLE, provisioning.ADVISORIES)
    return await puller.pending()


@pytest.fixture
async def given_up(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have rollup refuse one message until the broker gives it up."""
    monkeypatch.setattr("robometrics.broker.delivery.RETRY_SECONDS", 0.001)
    [_, config] = provisioning.consumer_configs()
    js = link.require_client().jetstream()
    few = config.evolve(max_deliver=DELIVERIES_MAX)
    await js.add_consumer(provisioning.STREAM, few)
    await publish(link, *((SUBJECT, encode(batch)) for batch in BATCHES))
    puller = Puller(link, "rollup")

    async def advised() -> bool:
        for delivery in await puller.fetch(10):
            if delivery.data == GUILTY:
                await delivery.retry()
            else:
                await delivery.ack()
        return await waiting_advisories(link) == 1

    await eventually(advised)


async def test_it_becomes_a_dead_letter_and_the_others_still_get_it(
    link: Link, store: Store, given_up: None
) -> None:
    abandoned = Abandoned(link, store)
    async with running(abandoned):
        await eventually(lambda: abandoned.discarded)

        [letter] = await store.dead_letters.latest(10)
        assert ("rollup", SUBJECT, GUILTY) == (
            letter.consumer,
            letter.subject,
            letter.data,
        )
        assert "after 3 deliveries" in letter.reason
        assert 3 == await messages(link)

        await run_until_drained(link, store, persist)

        async def empty() -> bool:
            return not await messages(link) and not await waiting_advisories(link)

        await eventually(empty)


async def test_without_it_the_message_would_stay_for_ever(
    link: Link, store: Store, given_up: None
) -> None:
    await run_until_drained(link, store, persist)

    assert (1, 0) == (await messages(link), await Puller(link, "rollup").pending())


async def test_an_advisory_waits_for_the_database(
    link: Link, breakable: Store, mongo_server: MongoServer, given_up: None
) -> None:
    mongo_server.kill()
    abandoned = Abandoned(link, breakable)
    config = provisioning.advisories_consumer_config().evolve(ack_wait=0.5)
    js = link.require_client().jetstream()
    await js.add_consumer(provisioning.ADVISORIES, config)
    async with running(abandoned):
        await eventually(lambda: "MongoDB" in abandoned.problem)
        assert (1, 3) == (await waiting_advisories(link), await messages(link))
        mongo_server.start()
        await eventually(lambda: abandoned.discarded)
    assert ("", 1) == (abandoned.problem, await breakable.dead_letters.count())


async def test_of_a_message_that_has_gone_the_advisory_is_enough(
    link: Link, store: Store, given_up: None
) -> None:
    js = link.require_client().jetstream()
    await js.delete_msg(provisioning.STREAM, 2)

    abandoned = Abandoned(link, store)
    async with running(abandoned):
        await eventually(lambda: abandoned.absorbed)

    assert 0 == await store.dead_letters.count()


@pytest.mark.parametrize(
    "data",
    [
        b"\xffgarbage",
        b'{"stream":"OTHER","consumer":"persist","stream_seq":1}',
        b'{"stream":"ROBOMETRICS","consumer":"a.b >","stream_seq":1}',
        b'{"stream":"ROBOMETRICS","consumer":"persist","stream_seq":"1 2"}',
        b'{"stream":"ROBOMETRICS","consumer":"persist","stream_seq":-5}',
    ],
)
async def test_what_is_no_advisory_of_ours_is_dropped(
    link: Link, store: Store, data: bytes
) -> None:
    subject = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ROBOMETRICS.persist"
    await publish(link, (subject, data))

    abandoned = Abandoned(link, store)
    async with running(abandoned):

        async def dropped() -> bool:
            return not await waiting_advisories(link)

        await eventually(dropped)
    assert (0, 0) == (abandoned.discarded, await store.dead_letters.count())
