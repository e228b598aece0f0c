"""Exported files: their formats, types, names and what they say of themselves."""

from __future__ import annotations

import json
import math
import threading
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from builders import process_batch
from histories import HOUR, keep

from robometrics.schema import NS_PER_SECOND
from robometrics.tables import encoding

from .conftest import Served
from .exported import PLANNER, export, fetch, read, rows_of, stored, times_ns


async def test_what_is_no_number_is_kept_apart_from_what_is_not_there(
    served: Served, start: int, wanted: str
) -> None:
    metrics = {"load_1m": [math.nan, None], "load_5m": [math.inf, -math.inf]}
    batches = [process_batch(slot=start, metrics=metrics)]
    await served.store.batches.insert(batches)
    await served.store.fleet.see(batches)

    table = await export(served, format=wanted, **{"from": start, "to": start + 1})

    nan, null = table["load_1m"].to_pylist()
    assert math.isnan(nan)
    assert null is None
    assert [math.inf, -math.inf] == table["load_5m"].to_pylist()


async def test_a_range_without_samples_is_a_file_without_rows(
    served: Served, start: int, wanted: str
) -> None:
    await served.keep(process_batch(slot=start))
    span = {"from": start + 100, "to": start + 200, "format": wanted}

    wide = await export(served, metric="cpu_percent", **span)
    long = await export(served, layout="long", **span)

    assert (0, 0) == (wide.num_rows, long.num_rows)
    assert "cpu_percent" == wide.column_names[-1]
    assert "integer" == long.column_names[-1]


async def test_large_tables_come_in_many_pieces_made_off_the_event_loop(
    served: Served, start: int, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "_CELLS_MAX", 10_000)
    workers: set[int] = set()
    flush = encoding.Encoder._flush

    def noted(self: encoding.Encoder) -> None:
        workers.add(threading.get_ident())
        flush(self)

    monkeypatch.setattr(encoding.Encoder, "_flush", noted)
    samples = await keep(served.store, PLANNER, start - 2 * HOUR, hours=2, hz=2)

    table = await export(
        served, format=wanted, **{"from": start - 2 * HOUR, "to": start}
    )

    assert samples == table.num_rows
    assert [start * NS_PER_SECOND - NS_PER_SECOND // 2] == times_ns(table)[-1:]
    assert workers
    assert threading.get_ident() not in workers
    assert (await stored(served.store, PLANNER, start - 60, start)).items() <= (
        rows_of(table).items()
    )


async def test_fields_say_their_units_and_the_file_what_was_asked(
    served: Served, start: int, wanted: str
) -> None:
    if wanted == "csv":
        pytest.skip("CSV has no place for it")
    await served.keep(process_batch(slot=start))

    table = await export(
        served,
        format=wanted,
        metric="cpu_percent,memory_rss_bytes",
        **{"from": start, "to": start + 1},
    )

    metadata = table.schema.field("cpu_percent").metadata
    assert {b"unit": b"percent", b"kind": b"rate"} == {
        name: metadata[name] for name in (b"unit", b"kind")
    }
    assert pa.timestamp("ns", "UTC") == table.schema.field("time").type
    note = json.loads(table.schema.metadata[b"robometrics"])
    assert start * NS_PER_SECOND == note["from_ns"]
    assert "metric=cpu_percent" in note["query"]


async def test_the_accept_header_chooses_the_format_too(
    served: Served, start: int, wanted: str
) -> None:
    await served.keep(process_batch(slot=start))
    media_type = {
        "csv": "text/csv",
        "parquet": "application/vnd.apache.parquet",
        "arrow": "application/vnd.apache.arrow.stream",
    }[wanted]

    answer = await served.http.get(
        "/api/v1/export",
        params={"host": "robot", "process": "planner", "from": start},
        headers={"Accept": f"{media_type};q=0.9, application/json"},
    )

    assert media_type == answer.headers["content-type"].partition(";")[0]
    assert 2 == read(answer.content, wanted).num_rows


async def test_hostile_names_stay_names(
    served: Served, start: int, wanted: str
) -> None:
    hostile = ['=cmd|"/C calc"!A0', "a,b\n\"c'", "../../x\r\nX-Evil: 1", "-1+1", "日本"]
    await served.keep(
        *(process_batch(slot=start, process=name, run="@run") for name in hostile)
    )
    span = {"from": start, "to": start + 1, "format": wanted}

    table = await export(served, process="*", **span)
    names = [
        (await fetch(served, process=name, **span)).headers["content-disposition"]
        for name in hostile
    ]

    found = set(table["process"].to_pylist())
    if wanted == "csv":
        # To a spreadsheet an apostrophe says: this is text.
        assert {f"'{name}" if name[0] in "=-" else name for name in hostile} == found
        assert {"'@run"} == set(table["run"].to_pylist())
    else:
        assert set(hostile) == found
    for name in names:
        disposition, _, quoted = name.partition("; filename=")
        assert "attachment" == disposition
        assert quoted.startswith('"robometrics-robot-')
        assert set(quoted[1:-1]) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
        )
        assert quoted.endswith(f'.{wanted}"')


async def test_csv_says_times_in_either_form_to_the_nanosecond(
    served: Served,
) -> None:
    at_ns = 1_790_000_000_123_456_789
    await served.keep(
        process_batch(slot=at_ns // NS_PER_SECOND, offset_ns=[0, at_ns % NS_PER_SECOND])
    )
    span: Any = {"from": at_ns // NS_PER_SECOND, "to": at_ns // NS_PER_SECOND + 1}

    iso = (await fetch(served, format="csv", **span)).text.splitlines()
    epoch = (
        await fetch(served, format="csv", time="epoch_ns", **span)
    ).text.splitlines()

    assert '"2026-09-21T14:13:20.123456789Z"' in iso[2].split(",")
    assert "1790000000123456789" in epoch[2].split(",")


async def test_a_metric_that_is_called_like_a_label_is_told_apart(
    served: Served, start: int, wanted: str
) -> None:
    metrics = {"time": [1, 2], "host": [3, 4], "time:a": [5, 6]}
    await served.keep(process_batch(slot=start, metrics=metrics))

    table = await export(served, format=wanted, **{"from": start, "to": start + 1})

    assert ["metric.host", "metric.time", "time:a"] == table.column_names[7:]
    assert [1, 2] == table["metric.time"].to_pylist()
