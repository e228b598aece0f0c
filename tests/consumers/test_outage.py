"""While the database is away a consumer holds what it has, and no more than that."""

from __future__ import annotations

import time

import anyio
import anyio.to_thread
import pytest
from builders import SLOT, process_batch
from nats.js.api import ConsumerInfo
from servers import MongoServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link, provisioning
from robometrics.consumers import loop as module
from robometrics.consumers.persist import persist
from robometrics.schema import encode
from robometrics.store import Series, Store

from .consuming import publish, running

PLANNER = Series("robot", "process", "planner")
SUBJECT = subjects.process_samples("robot", "planner")
ACK_WAIT_SECONDS = 1.0
BATCHES = [process_batch(slot=SLOT + number) for number in range(20)]


async def short_ack_wait(link: Link) -> None:
    """Have the broker give up on a silent consumer after a second."""
    [config, _] = provisioning.consumer_configs()
    await (
        link.require_client()
        .jetstream()
        .add_consumer(provisioning.STREAM, config.evolve(ack_wait=ACK_WAIT_SECONDS))
    )


async def durable(link: Link) -> ConsumerInfo:
    js = link.require_client().jetstream()
    return await js.consumer_info(provisioning.STREAM, "persist")


async def stored(store: Store) -> int:
    found = store.batches.read(PLANNER, SLOT, SLOT + 100)
    return len([batch async for batch in found])


async def test_what_is_held_through_an_outage_is_delivered_once(
    link: Link,
    breakable: Store,
    mongo_server: MongoServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So how often a message came tells how many consumers died with it."""
    monkeypatch.setattr(module, "REMIND_SECONDS", 0.2)
    await short_ack_wait(link)
    mongo_server.kill()
    await publish(link, *((SUBJECT, encode(batch)) for batch in BATCHES))
    loop = persist(link, breakable, fetch_batches=5)
    async with running(loop):
        await eventually(lambda: "MongoDB" in loop.problem)
        several_waits = time.monotonic() + 3 * ACK_WAIT_SECONDS
        await eventually(lambda: time.monotonic() > several_waits)
        info = await durable(link)
        held = 5 * module.LANES
        assert (held, held, 0) == (
            info.delivered.consumer_seq if info.delivered else None,
            info.num_ack_pending,
            info.num_redelivered,
        )

        # In a thread: meanwhile the broker must be told that they are held.
        await anyio.to_thread.run_sync(mongo_server.start)

        await eventually(lambda: loop.absorbed == len(BATCHES))
    assert len(BATCHES) == await stored(breakable)
    assert ("", 0) == (loop.problem, await breakable.dead_letters.count())
    info = await durable(link)
    assert len(BATCHES) == (info.delivered.consumer_seq if info.delivered else None)


async def test_a_consumer_that_is_not_reminding_loses_what_it_holds_to_others(
    link: Link,
    breakable: Store,
    mongo_server: MongoServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other outcome: were nobody to tell the broker, the message came again."""
    monkeypatch.setattr(module, "REMIND_SECONDS", 3600)
    await short_ack_wait(link)
    mongo_server.kill()
    await publish(link, (SUBJECT, encode(BATCHES[0])))
    holding = persist(link, breakable, fetch_batches=1)
    other = persist(link, breakable, fetch_batches=1)
    async with running(holding, other):

        async def again() -> bool:
            info = await durable(link)
            return bool(info.num_redelivered)

        await eventually(again)
        mongo_server.start()
        await eventually(lambda: holding.absorbed and other.absorbed)
    assert 1 == await stored(breakable)


async def test_at_stop_what_is_held_goes_back_at_once(
    link: Link,
    breakable: Store,
    mongo_server: MongoServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("robometrics.broker.delivery.RETRY_SECONDS", 0.01)
    mongo_server.kill()
    await publish(link, (SUBJECT, encode(BATCHES[0])))
    loop = persist(link, breakable, fetch_batches=5)
    async with running(loop):
        await eventually(lambda: "MongoDB" in loop.problem)
    mongo_server.start()

    successor = persist(link, breakable, fetch_batches=5)
    start = time.monotonic()
    async with running(successor):
        await eventually(lambda: successor.absorbed == 1)

    assert time.monotonic() - start < 20  # and not ack_wait, a minute
    assert (0, 1) == (loop.absorbed, await stored(breakable))
