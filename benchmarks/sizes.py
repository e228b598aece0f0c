"""Bytes on disk a sample, of what real programs made a worker send.

The same recording as fresh documents, in compacted blocks, and as points of a
time-series collection, each in a new database with the product's write concern. All
counts: the samples' collections with their ids and indexes, after a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from benchmarks import databases, points, recording, servers, storage, table
from benchmarks.stretching import stretched
from benchmarks.table import Row
from robometrics.schema import AnyBatch
from robometrics.settings import ServerSettings

NORMAL_VALUES = 12
"""What the figures of databases are usually told for: a sample of twelve values."""


class Sizes(NamedTuple):
    """Bytes on disk of one set of batches."""

    fresh: int
    compacted: int
    points: int


async def measure(*, quick: bool) -> list[Row]:
    """Measure processes at each rate, and the host."""
    rows: list[Row] = []
    with servers.folder() as at, servers.mongod(at) as url:
        for hz in recording.RATES:
            batches, how = _an_hour(hz, quick=quick)
            # Whatever the rate, a host is read once a second.
            for kind in ("process", "host") if hz == 1 else ("process",):
                some = [each for each in batches if each.kind == kind]
                found = await _sizes(url, f"{kind}_{hz}", some)
                rows += _rows(f"{kind} at {hz} Hz{how}", some, found)
    return rows


def _an_hour(hz: int, *, quick: bool) -> tuple[list[AnyBatch], str]:
    """Return an hour of batches, and what is to be said of them.

    Only an hour that was recorded gives the true size of blocks of an hour.
    """
    batches, seconds = recording.longest(hz, quick=quick)
    wanted_seconds = 200 if quick else recording.HOUR_SECONDS
    if seconds >= wanted_seconds:
        return batches, ""
    return list(stretched(batches, wanted_seconds)), f" ({seconds} s repeated)"


async def _sizes(url: str, name: str, batches: Sequence[AnyBatch]) -> Sizes:
    async with databases.opened(url, name) as (store, database):
        at_once = ServerSettings().fetch_batches  # as persist does
        for start in range(0, len(batches), at_once):
            await store.batches.insert(batches[start : start + at_once])
        fresh = await storage.sample_bytes(database)
        await storage.compact(database)
        compacted = await storage.sample_bytes(database)
        collection = await points.create(database)
        await points.insert(collection, chain.from_iterable(map(points.of, batches)))
        await points.close_buckets(collection)
        theirs = await databases.disk_bytes(database, points.COLLECTION)
    return Sizes(fresh, compacted, theirs)


def _rows(who: str, batches: Sequence[AnyBatch], found: Sizes) -> list[Row]:
    samples = sum(len(batch.offset_ns) for batch in batches)
    values = sum(len(column) for batch in batches for column in batch.metrics.values())
    units = {
        f"{values / samples:.1f} values": (samples, "B/sample"),
        "a value": (values, "B/value"),
        f"{NORMAL_VALUES} values": (values / NORMAL_VALUES, "B/sample"),
    }
    states = {"fresh": found.fresh, "compacted": found.compacted}
    return [
        Row(
            f"{who}, {state}: {what}",
            [size / count],
            unit,
            "time-series collection, same points",
            [found.points / count],
        )
        for state, size in states.items()
        for what, (count, unit) in units.items()
    ]


if __name__ == "__main__":
    table.run([measure])
