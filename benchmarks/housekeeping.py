"""What compaction and retention, at work, take from the persist consumer.

Before each round the database gets older batches for them to work on. Rounds alone and
beside ``robometrics-server --roles=housekeeping`` alternate; all else is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio

from benchmarks import databases, history, servers, storage, streams, table
from benchmarks.persist import drained
from benchmarks.table import Row
from robometrics.consumers.persist import persist
from robometrics.settings import ServerSettings
from robometrics.store import Store

PROCESSES = 200
_AGE_HOURS = 30 * 24
"""Of the first batches of the stock."""


async def measure(*, quick: bool) -> list[Row]:
    """Store the same amounts by turns, alone and beside housekeeping."""
    if not storage.has_housekeeping():
        print("this release has no role for housekeeping: it is not measured")
        return []
    slots, rounds, hours, stocked = (10, 1, 1, 4) if quick else (90, 5, 3, 20)
    now = int(time.time())
    fleet = streams.Fleet(PROCESSES, first_slot=now)
    first_hour = now // history.HOUR_SECONDS - _AGE_HOURS
    stock = history.History(range(stocked), first_hour * history.HOUR_SECONDS)
    samples = PROCESSES * slots * streams.SAMPLES_PER_BATCH
    alone: list[float] = []
    beside: list[float] = []
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
    ):
        async with (
            streams.provisioned(nats_url) as link,
            databases.opened(mongo_url) as (store, database),
        ):
            fetch_batches = ServerSettings().fetch_batches
            for _ in range(rounds + 1):  # the first one warms up
                await _stock_up(store, stock, hours)
                for found, beside_it in ((alone, False), (beside, True)):
                    consumer = persist(link, store, fetch_batches=fetch_batches)
                    async with _housekeeping(
                        at, nats_url, mongo_url, database, on=beside_it
                    ):
                        seconds, _ = await drained(link, consumer, fleet.batches(slots))
                    found.append(samples / seconds)
    slower = [100 * (1 - b / a) for a, b in zip(alone[1:], beside[1:], strict=True)]
    what = "persist beside compaction and retention"
    return [
        Row(what, beside[1:], "samples/s", "persist alone", alone[1:]),
        Row(f"{what}: slower by", slower, "%"),
    ]


async def _stock_up(store: Store, stock: history.History, hours: int) -> None:
    for _ in range(hours):
        await storage.load_fresh(store, stock.next_hour())


@contextlib.asynccontextmanager
async def _housekeeping(
    at: Path, nats_url: str, mongo_url: str, database: Any, *, on: bool
) -> AsyncIterator[None]:
    """Have it done beside the block; at the beginning it is in the middle of it."""
    if not on:
        yield
        return
    options = [f"--mongo-url={mongo_url}", f"--mongo-database={databases.NAME}"]
    options += [f"--nats-url={nats_url}", f"--roles={storage.ROLE}"]
    before = await storage.block_count(database)
    with servers.robometrics(at, "server", *options):
        with anyio.fail_after(servers.START_SECONDS):
            while await storage.block_count(database) == before:
                await asyncio.sleep(0.05)
        yield


if __name__ == "__main__":
    table.run([measure])
