"""Rows per second of an export, from blocks in MongoDB to the bytes of a file.

Beside it: the same samples as one document each, read by a plain find with the driver,
made a table of and written by pandas (CSV) or pyarrow. That holds all of it in memory.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from benchmarks import databases, servers, streams, table
from benchmarks.table import Row
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND, ProcessBatch
from robometrics.store import Series, Store
from robometrics.store.compaction import Compactor
from robometrics.tables.asked import Asked, Format
from robometrics.tables.stream import stream

_POINTS = "points"
_AT_ONCE = 600


async def measure(*, quick: bool) -> list[Row]:
    """Export one process's samples in each format, by turns with the baseline."""
    slots, rounds = (1_200, 2) if quick else (28_800, 5)
    samples = slots * streams.SAMPLES_PER_BATCH
    rows = []
    with servers.folder() as at, servers.mongod(at) as url:
        async with databases.opened(url) as (store, database):
            await _fill(store, database, slots)
            for wanted, write in _BASELINES.items():
                ours, theirs, sizes = [], [], []
                for _ in range(rounds + 1):  # the first one warms up
                    began = time.perf_counter()
                    sizes.append(await _export(store, slots, wanted))
                    ours.append(samples / (time.perf_counter() - began))
                    began = time.perf_counter()
                    found = await database[_POINTS].find({}, {"_id": 0}).to_list(None)
                    size = write(found)
                    theirs.append(samples / (time.perf_counter() - began))
                what = f"export as {wanted}, {streams.METRICS} metrics"
                baseline = f"find, {write.__name__.strip('_')} of points"
                rows += [
                    Row(what, ours[1:], "samples/s", baseline, theirs[1:]),
                    Row(
                        f"{what}: size",
                        [sizes[0] / samples],
                        "B/sample",
                        baseline,
                        [size / samples],
                    ),
                ]
    return rows


async def _fill(store: Store, database: Any, slots: int) -> None:
    """Store the same samples in blocks, and as points."""
    fleet = streams.Fleet(1)
    for first in range(0, slots, _AT_ONCE):
        batches = fleet.batches(min(_AT_ONCE, slots - first))
        await store.batches.insert(batches)
        points = [point for batch in batches for point in _points(batch)]
        await database[_POINTS].insert_many(points, ordered=False)
    async for _ in Compactor(database).compact(streams.FIRST_SLOT + slots + 7_200):
        pass


async def _export(store: Store, slots: int, wanted: Format) -> int:
    start_ns = streams.FIRST_SLOT * NS_PER_SECOND
    asked = Asked(
        found=[Series("robot-0", "process", "node_0")],
        selected=None,
        span=Span(start_ns, start_ns + slots * NS_PER_SECOND, 1),
    )
    size = 0
    async for piece in stream(store, asked, wanted, "iso", ""):
        size += len(piece)
    return size


def _points(batch: ProcessBatch) -> list[dict[str, Any]]:
    """Return the rows of an export as documents, with times a query could use."""
    keys = list(batch.metrics)
    return [
        {
            "host": batch.host,
            "process": batch.process,
            "run": batch.run,
            "time_ns": batch.slot * NS_PER_SECOND + offset_ns,
            **dict(zip(keys, values, strict=True)),
        }
        for offset_ns, *values in zip(
            batch.offset_ns, *batch.metrics.values(), strict=True
        )
    ]


def _pandas_csv(points: list[dict[str, Any]]) -> int:
    frame = pd.DataFrame(points)
    frame["time_ns"] = pd.to_datetime(frame["time_ns"], utc=True)
    return len(frame.to_csv(index=False).encode())


def _pyarrow_parquet(points: list[dict[str, Any]]) -> int:
    sink = io.BytesIO()
    found = pa.Table.from_pylist(points)
    pyarrow.parquet.write_table(found, sink, compression="zstd")
    return sink.tell()


def _pyarrow_stream(points: list[dict[str, Any]]) -> int:
    sink = io.BytesIO()
    found = pa.Table.from_pylist(points)
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return sink.tell()


_BASELINES: dict[Format, Callable[[list[dict[str, Any]]], int]] = {
    "csv": _pandas_csv,
    "parquet": _pyarrow_parquet,
    "arrow": _pyarrow_stream,
}

if __name__ == "__main__":
    table.run([measure])
