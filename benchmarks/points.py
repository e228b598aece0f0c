"""What one would do without RoboMetrics: points in a MongoDB time-series collection.

One document a sample, as MongoDB's manual has it: the time, the series as meta field,
a field for each metric. There is no unique index, so a repeat is a second point.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from robometrics.schema import NS_PER_SECOND, AnyBatch

COLLECTION = "points"
_PER_INSERT = 1_000
_LATER = timedelta(days=2)


async def create(database: Any) -> Any:
    """Return a new time-series collection of *database*."""
    options = {"timeField": "t", "metaField": "m", "granularity": "seconds"}
    await database.create_collection(COLLECTION, timeseries=options)
    return database[COLLECTION]


async def insert(collection: Any, points: Iterable[dict[str, Any]]) -> float:
    """Insert *points*, ready made; return the seconds the inserts took."""
    took, some = 0.0, []
    for point in points:
        some.append(point)
        if len(some) == _PER_INSERT:
            took += await _insert(collection, some)
            some = []
    return took + (await _insert(collection, some) if some else 0.0)


async def _insert(collection: Any, some: list[dict[str, Any]]) -> float:
    began = time.perf_counter()
    await collection.insert_many(some, ordered=False)
    return time.perf_counter() - began


async def close_buckets(collection: Any) -> None:
    """Have the server compress what it keeps open: a point far ahead ends it."""
    newest = await collection.find_one(sort=[("t", -1)])
    later = newest["t"] + _LATER
    metas = await collection.distinct("m")
    await insert(collection, [{"t": later, "m": meta} for meta in metas])


def of(batch: AnyBatch) -> Iterator[dict[str, Any]]:
    """Yield the samples of *batch*; what was read once a second is in the last."""
    series = {"h": batch.host, "k": batch.kind, "p": batch.name}
    last = len(batch.offset_ns) - 1
    for number, offset_ns in enumerate(batch.offset_ns):
        at = batch.slot + offset_ns / NS_PER_SECOND
        point = {"t": datetime.fromtimestamp(at, timezone.utc), "m": series}
        for key, column in batch.metrics.items():
            if len(column) > 1:
                point[key] = column[number]
            elif number == last:
                point[key] = column[0]
        yield point
