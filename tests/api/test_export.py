"""What is exported is what was stored: exact, in every format."""

from __future__ import annotations

import io
import time
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from builders import gpu_batch, host_batch, process_batch

from robometrics.schema import AnyBatch, Previous
from robometrics.store import Series
from robometrics.store.keys import series_digest

from .conftest import Served

SECOND = 1_000_000_000
FORMATS = ("csv", "parquet", "arrow")


@pytest.fixture
def start() -> int:
    """A whole hour, not long ago."""
    now = int(time.time())
    return now - now % 3600 - 7200


async def export(served: Served, start: int, stop: int, **params: Any) -> pa.Table:
    query = {"host": "robot", "process": "planner", "from": start, "to": stop}
    answer = await served.http.get("/api/v1/export", params=query | params)
    assert 200 == answer.status_code, answer.text
    return read(answer.content, params.get("format", "csv"))


def read(data: bytes, wanted: str) -> pa.Table:
    if wanted == "arrow":
        return pa.ipc.open_stream(data).read_all()
    if wanted == "parquet":
        return pyarrow.parquet.read_table(io.BytesIO(data))
    return pyarrow.csv.read_csv(
        io.BytesIO(data),
        convert_options=pyarrow.csv.ConvertOptions(
            strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


async def test_try(served: Served, start: int) -> None:
    await served.keep(
        *(
            process_batch(
                slot=start + i,
                metrics={
                    "a": [1, 2],
                    "thread_count": [3],
                    "cpu_time_ns": [i * 10**9, i * 10**9 + 5 * 10**8],
                },
            )
            for i in range(3)
        ),
        host_batch(slot=start),
        gpu_batch(slot=start),
    )
    for f in FORMATS:
        t = await export(served, start, start + 10, format=f)
        print(t.schema, t.to_pandas())
        t = await export(served, start, start + 10, format=f, layout="long")
        print(t.to_pandas())
        t = await export(served, start, start + 10, format=f, resolution="10s")
        print(t.to_pandas())
    answer = await served.http.get(
        "/api/v1/export",
        params={"host": "robot", "from": start, "gpu": 0, "process": "*"},
    )
    print(answer.headers, answer.text)
    raise AssertionError
