"""Samples per second from the stream to MongoDB, by the persist consumer.

It fetches, decodes and checks batches, writes them durably, notes who was seen, and
acknowledges. Beside it: the same samples as documents of a time-series collection,
ready made, only inserted, with the same write concern and no guard against repeats.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import anyio

from benchmarks import databases, points, servers, streams, table
from benchmarks.table import Row
from robometrics.broker import Link
from robometrics.consumers.persist import persist
from robometrics.schema import ProcessBatch
from robometrics.settings import ServerSettings

PROCESSES = 200


async def measure(*, quick: bool) -> list[Row]:
    """Store the same samples in both ways, by turns."""
    slots, rounds = (5, 2) if quick else (60, 5)
    fleet = streams.Fleet(PROCESSES)
    samples = PROCESSES * slots * streams.SAMPLES_PER_BATCH
    persisted, cpu_us, inserted = [], [], []
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
    ):
        async with (
            streams.provisioned(nats_url) as link,
            databases.opened(mongo_url) as (store, database),
        ):
            collection = await points.create(database)
            fetch_batches = ServerSettings().fetch_batches
            for _ in range(rounds + 1):  # the first one warms up
                batches = fleet.batches(slots)
                consumer = persist(link, store, fetch_batches=fetch_batches)
                seconds, cpu_seconds = await drained(link, consumer, batches)
                persisted.append(samples / seconds)
                cpu_us.append(cpu_seconds * 1e6 / samples)
                ready = [point for batch in batches for point in points.of(batch)]
                inserted.append(samples / await points.insert(collection, ready))
            stored = samples * (rounds + 1)
            bytes_batches = await databases.disk_bytes(database, "batches") / stored
            bytes_points = (
                await databases.disk_bytes(database, points.COLLECTION) / stored
            )
    what = f"persist, {streams.METRICS} metrics x {streams.SAMPLES_PER_BATCH} a batch"
    return [
        Row(
            what,
            persisted[1:],
            "samples/s",
            "insert_many into a time-series collection",
            inserted[1:],
        ),
        Row(f"{what}: CPU of the consumer", cpu_us[1:], "µs/sample"),
        Row(
            f"{what}: on disk",
            [bytes_batches],
            "B/sample",
            "time-series collection",
            [bytes_points],
        ),
    ]


class Consumer(Protocol):
    """What takes messages from the stream."""

    name: str
    absorbed: int
    discarded: int

    async def run(self, stop: anyio.Event) -> None: ...


async def drained(
    link: Link, consumer: Consumer, batches: Sequence[ProcessBatch]
) -> tuple[float, float]:
    """Fill the stream, then run *consumer*; return seconds, and those of our CPU."""
    await streams.fill(link, batches)
    return await run_until(consumer, len(batches))


async def run_until(consumer: Consumer, count: int) -> tuple[float, float]:
    """Run *consumer* until it took *count* messages, as ``drained`` does."""
    stop = anyio.Event()
    began, cpu = time.perf_counter(), time.process_time()
    async with anyio.create_task_group() as tg:
        tg.start_soon(consumer.run, stop)
        while consumer.absorbed < count:
            await anyio.sleep(0.005)
        took = time.perf_counter() - began, time.process_time() - cpu
        stop.set()
    if consumer.discarded:
        raise RuntimeError(f"{consumer.name} discarded {consumer.discarded} batches")
    return took


if __name__ == "__main__":
    table.run([measure])
