"""A message that ends whoever reads it: it goes, and takes no neighbour along."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from builders import SLOT, process_batch
from servers import MongoServer, NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Delivery, Link, Puller, provisioning
from robometrics.consumers.persist import persist
from robometrics.schema import AnyBatch, encode
from robometrics.store import Series, Store, message_key

from .consuming import publish, run_until_drained

SUBJECT = subjects.process_samples("robot", "planner")
POISON = process_batch(slot=SLOT + 3)
BATCHES = [process_batch(slot=SLOT + number) for number in range(8)]

MORTAL = """
import os, sys, anyio
from robometrics.broker import open_link
from robometrics.consumers import quarantine
from robometrics.consumers.persist import persist
from robometrics.store import open_store

quarantine.TOGETHER_ATTEMPTS_MAX, quarantine.TRIALS_MAX = 2, 3
nats_url, mongo_url, database, deadly_slot = sys.argv[1:]

async def main():
    async with open_link(nats_url, "mortal") as link:
        async with open_store(mongo_url, database) as store:
            await link.wait_up()
            loop = persist(link, store, fetch_batches=100)
            absorb = loop._absorb

            async def deadly(intake):
                if any(batch.slot == int(deadly_slot) for _, batch in intake.batches):
                    os._exit(66)
                return await absorb(intake)

            loop._absorb = deadly
            stop = anyio.Event()
            async with anyio.create_task_group() as tg:
                tg.start_soon(loop.run, stop)
                while await loop._pullers[0].pending():
                    await anyio.sleep(0.05)
                stop.set()

anyio.run(main)
"""


def stored(store: Store) -> AsyncIterator[AnyBatch]:
    series = Series("robot", "process", "planner")
    return store.batches.read(series, SLOT, SLOT + len(BATCHES))


async def come(link: Link, attempts: int) -> list[Delivery]:
    """Return what is in the stream, delivered for the time *attempts*."""
    puller = Puller(link, "persist")
    found: list[Delivery] = []

    async def so_often() -> bool:
        for delivery in await puller.fetch(100):
            if delivery.attempts < attempts:
                await delivery.retry()
            else:
                found.append(delivery)
        return len(found) == len(BATCHES)

    await eventually(so_often)
    return found


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robometrics.broker.delivery.RETRY_SECONDS", 0.001)


async def test_who_came_often_is_stored_all_the_same(
    link: Link, store: Store, at_once: None
) -> None:
    """It was in bad company, or its link was: nothing is wrong with it."""
    await publish(link, *((SUBJECT, encode(batch)) for batch in BATCHES))
    for delivery in await come(link, 30):
        await delivery.retry()

    [loop] = await run_until_drained(link, store, persist)

    assert (len(BATCHES), 0) == (loop.absorbed, loop.discarded)
    assert BATCHES == [batch async for batch in stored(store)]


@pytest.mark.parametrize(("trials", "letters"), [(14, 0), (15, 1)])
async def test_who_left_too_many_trials_behind_is_not_read_any_more(
    link: Link, store: Store, at_once: None, trials: int, letters: int
) -> None:
    await publish(link, *((SUBJECT, encode(batch)) for batch in BATCHES))
    for delivery in await come(link, 6):
        if delivery.data == encode(POISON):
            key = message_key("persist", delivery.stream_sequence, delivery.data)
            for _ in range(trials):
                await store.trials.begin(key)
        await delivery.retry()

    [loop] = await run_until_drained(link, store, persist)

    found = await store.dead_letters.latest(100)
    assert [encode(POISON)] * letters == [letter.data for letter in found]
    assert all("ended 15 consumers" in letter.reason for letter in found)
    assert (len(BATCHES) - letters, letters) == (loop.absorbed, loop.discarded)
    assert [0] == await store.trials.counts([key])


@pytest.mark.timeout(120)
async def test_poison_that_ends_the_process_goes_alone(
    link: Link,
    store: Store,
    nats_server: NatsServer,
    shared_mongo: MongoServer,
    database_name: str,
) -> None:
    """Whoever runs persist starts it anew each time, as Kubernetes does."""
    [config, _] = provisioning.consumer_configs()
    js = link.require_client().jetstream()
    await js.add_consumer(provisioning.STREAM, config.evolve(ack_wait=0.5))
    await publish(link, *((SUBJECT, encode(batch)) for batch in BATCHES))
    words = [nats_server.url, shared_mongo.url, database_name, str(POISON.slot)]

    def live() -> int:
        return subprocess.run(
            [sys.executable, "-c", MORTAL, *words],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            check=False,
            timeout=50,
        ).returncode

    deaths = 0
    while (code := await anyio.to_thread.run_sync(live)) == 66:
        deaths += 1

    assert (0, 2 + 3) == (code, deaths)
    [letter] = await store.dead_letters.latest(100)
    assert encode(POISON) == letter.data
    assert [b for b in BATCHES if b != POISON] == [b async for b in stored(store)]
