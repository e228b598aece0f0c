"""Exports, read back."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Store

from .conftest import Served

PLANNER = Series("robot", "process", "planner")
Rows = dict[tuple[Any, ...], dict[str, Any]]
"""What was measured, by run, generation and time."""


async def export(served: Served, **params: Any) -> pa.Table:
    return read((await fetch(served, **params)).content, params["format"])


async def fetch(served: Served, **params: Any) -> httpx.Response:
    query = {"host": "robot", "process": "planner"} | params
    given = {name: value for name, value in query.items() if value is not None}
    answer = await served.http.get("/api/v1/export", params=given)
    assert 200 == answer.status_code, answer.text
    return answer


def read(data: bytes, wanted: str) -> pa.Table:
    if wanted == "arrow":
        return pa.ipc.open_stream(data).read_all()
    if wanted == "parquet":
        return pyarrow.parquet.read_table(io.BytesIO(data))
    convert = pyarrow.csv.ConvertOptions(
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        column_types={"time": pa.timestamp("ns", "UTC"), "gpu": pa.int32()},
    )
    return pyarrow.csv.read_csv(io.BytesIO(data), convert_options=convert)


def times_ns(table: pa.Table) -> list[int]:
    return table["time"].cast(pa.int64()).to_pylist()


def rows_of(table: pa.Table) -> Rows:
    """Return a wide table, row by row."""
    first = table.column_names.index("time") + 1
    names = table.column_names[first:]
    columns = [table[name].to_pylist() for name in names]
    keys = zip(
        table["run"].to_pylist(),
        table["generation"].to_pylist(),
        times_ns(table),
        strict=True,
    )
    rows = zip(*columns, strict=True)
    found = [
        (key, dict(zip(names, row, strict=True)))
        for key, row in zip(keys, rows, strict=True)
    ]
    assert len(found) == len(dict(found))
    return dict(found)


async def stored(store: Store, series: Series, start: int, stop: int) -> Rows:
    """Return what ``store.batches.read`` yields, row by row."""
    found: Rows = {}
    names: set[str] = set()
    async for batch in store.batches.read(series, start, stop):
        names |= batch.metrics.keys()
        for i, offset_ns in enumerate(batch.offset_ns):
            row: dict[str, Any] = {}
            for name, values in batch.metrics.items():
                is_last = i == len(batch.offset_ns) - 1
                single = len(values) == 1 < len(batch.offset_ns)
                row[name] = (values[0] if is_last else None) if single else values[i]
            at_ns = batch.slot * NS_PER_SECOND + offset_ns
            found[batch.run, batch.generation, at_ns] = row
    return {
        key: {name: row.get(name) for name in names}
        for key, row in found.items()
        if any(value is not None for value in row.values())
    }
