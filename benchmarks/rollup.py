"""Batches per second that the rollup consumer folds into 10 s, 1 min and 1 h.

It reads a filled stream and folds exactly once. Beside it, without stream, grouping or
a guard against repeats: one update for each batch and resolution, many at a time, with
the statistics ready made.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import databases, servers, streams, table
from benchmarks.persist import drained
from benchmarks.table import Row
from robometrics.consumers.rollup import rollup
from robometrics.schema import ProcessBatch
from robometrics.settings import ServerSettings
from robometrics.store import RESOLUTIONS
from robometrics.store.rollups.folding import fold
from robometrics.store.rollups.groups import grouped
from robometrics.store.rollups.parts import read_parts
from robometrics.store.rollups.rollups import stats_of

SLOTS = 10
_UPDATES_AT_ONCE = 32


async def measure(*, quick: bool) -> list[Row]:
    """Fold the same batches in both ways, by turns."""
    fetch_batches, rounds, naive_part = (50, 2, 0.2) if quick else (500, 4, 0.1)
    # A multiple of what the consumer takes at once: it lingers for more at the end.
    fleet = streams.Fleet(fetch_batches * 20 // SLOTS)
    folded, cpu_us, updated = [], [], []
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
    ):
        async with (
            streams.provisioned(nats_url) as link,
            databases.opened(mongo_url) as (store, _),
            databases.opened(mongo_url, "naive") as (_, naive),
        ):
            for _ in range(rounds + 1):  # the first one warms up
                batches = fleet.batches(SLOTS)
                consumer = rollup(link, store, fetch_batches=fetch_batches)
                seconds, cpu_seconds = await drained(link, consumer, batches)
                folded.append(len(batches) / seconds)
                cpu_us.append(cpu_seconds * 1e6 / len(batches))
                some = batches[: int(len(batches) * naive_part)]
                updated.append(len(some) / await _update(naive, some))
    if fetch_batches > ServerSettings().fetch_batches:
        raise RuntimeError("the product takes less at once")
    return [
        Row(
            f"rollup, groups of {SLOTS} batches",
            folded[1:],
            "batches/s",
            f"update_one per batch and resolution, {_UPDATES_AT_ONCE} at once",
            updated[1:],
        ),
        Row(
            f"rollup, groups of {SLOTS} batches: CPU of the consumer",
            cpu_us[1:],
            "µs/batch",
        ),
    ]


async def _update(database: Any, batches: Sequence[ProcessBatch]) -> float:
    """Add each batch to each of its windows; return the seconds it took."""
    todo = iter(
        [
            (f"naive_{name}", resolution.window, batch, _change(batch))
            for batch, (name, resolution) in itertools.product(
                batches, RESOLUTIONS.items()
            )
        ]
    )

    async def work() -> None:
        for collection, seconds, batch, change in todo:
            start = batch.slot - batch.slot % seconds
            await database[collection].update_one(
                {"_id": f"{batch.run}/{start}"}, change, upsert=True
            )

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(_UPDATES_AT_ONCE)))
    return time.perf_counter() - began


def _change(batch: ProcessBatch) -> dict[str, dict[str, Any]]:
    added: dict[str, Any] = {"count": len(batch.offset_ns)}
    low, high = {}, {}
    [part] = fold([*grouped([batch]).values()])
    for key, records in part.records.items():
        windows = read_parts([(0, [records], [part.buckets.get(key, b"")])])
        [(_, stats)] = stats_of(windows)
        added[f"{key}.n"] = stats.count
        added[f"{key}.sum"] = stats.total
        low[f"{key}.min"] = stats.low
        high[f"{key}.max"] = stats.high
        for bucket, count in stats.sketch.items():
            added[f"{key}.q.{bucket}"] = count
    return {"$inc": added, "$min": low, "$max": high}


if __name__ == "__main__":
    table.run([measure])
