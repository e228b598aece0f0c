"""What is exported is what was stored: exact, in every format."""

from __future__ import annotations

import io
import itertools
import json
import math
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from builders import gpu_batch, host_batch, process_batch
from histories import HOUR, keep
from waiting import eventually

from robometrics.api import download
from robometrics.api.export import Exports
from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store import Series, Store
from robometrics.store.batches import Batches
from robometrics.store.compaction import Compactor
from robometrics.tables import encoding, reading

from .conftest import Served

FORMATS = ("csv", "parquet", "arrow")
PLANNER = Series("robot", "process", "planner")
Rows = dict[tuple[Any, ...], dict[str, Any]]
"""What was measured, by run, generation and time."""


@pytest.fixture(params=FORMATS)
def wanted(request: pytest.FixtureRequest) -> str:
    """A format of files."""
    return str(request.param)


@pytest.fixture
def start() -> int:
    """A whole hour, not long ago."""
    now = int(time.time())
    return now - now % HOUR - 2 * HOUR


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


def varied(start: int) -> list[AnyBatch]:
    """Return two runs with everything that is hard to keep, and gaps between."""
    counter = itertools.count(2**53 + 1, 3)
    found: list[AnyBatch] = []
    for i in (*range(20), *range(40, 50), *range(HOUR, HOUR + 10)):
        metrics: dict[str, Any] = {
            "cpu_time_ns": [next(counter), next(counter)],
            "memory_rss_bytes": [2**63 - 1 - i, -(2**63) + i],
            "load_1m": [0.1 + i, -1e280 if i % 2 else 5e-324],
            "open_file_count": [None, i],
            "thread_count": [i],
            "never": [None],
        }
        if i > 10:
            del metrics["load_1m"]
        found.append(process_batch(slot=start + i, metrics=metrics, previous=None))
        if i < 5:
            metrics = {"cpu_time_ns": [i], "late_comer": [i / 3]}
            found.append(
                process_batch(
                    slot=start + i, run="b", metrics=metrics, offset_ns=[1, 999_999_999]
                )
            )
    found.append(process_batch(slot=start + 3, generation=1, metrics={"a": [1, 2]}))
    return found


async def compact(store: Store, before: int) -> None:
    async for _ in Compactor(store._database).compact(before):
        pass


async def test_every_sample_comes_out_as_it_went_in(
    served: Served, start: int, wanted: str
) -> None:
    await served.keep(*varied(start))
    await compact(served.store, start + HOUR)  # half of it lies in blocks

    table = await export(
        served, format=wanted, **{"from": start, "to": start + 2 * HOUR}
    )

    there = await stored(served.store, PLANNER, start, start + 2 * HOUR)
    assert 87 == len(there)
    assert there == rows_of(table)
    assert {"robot"} == set(table["host"].to_pylist())
    assert (
        sorted({key for row in there.values() for key in row})
        == (table.column_names[7:])
    )


async def test_a_long_table_has_each_value_once_and_integers_exact(
    served: Served, start: int, wanted: str
) -> None:
    await served.keep(*varied(start))

    table = await export(
        served, format=wanted, layout="long", **{"from": start, "to": start + 2 * HOUR}
    )

    found: dict[tuple[Any, ...], Any] = {}
    columns = [table[name].to_pylist() for name in table.column_names[-4:]]
    labels = (table["run"].to_pylist(), table["generation"].to_pylist())
    for *key, metric, _, value, integer in zip(
        *labels, times_ns(table), *columns, strict=True
    ):
        assert integer is None or float(integer) == value
        found[(*key, metric)] = value if integer is None else integer
    there = await stored(served.store, PLANNER, start, start + 2 * HOUR)
    assert found == {
        (*key, name): value
        for key, row in there.items()
        for name, value in row.items()
        if value is not None
    }
    assert table.num_rows == len(found)


async def test_named_metrics_are_columns_in_that_order_and_rates_are_known_ones(
    served: Served, start: int, wanted: str
) -> None:
    before = Previous(offset_ns=-NS_PER_SECOND // 2, counters={"cpu_time_ns": 0})
    await served.keep(
        process_batch(slot=start, previous=None, metrics={"cpu_time_ns": [0, 0]}),
        process_batch(
            slot=start + 1,
            previous=before,
            metrics={"cpu_time_ns": [250_000_000, 375_000_000], "thread_count": [3]},
        ),
    )

    table = await export(
        served,
        format=wanted,
        metric=["thread_count,cpu_percent", "memory_rss_bytes"],
        **{"from": start, "to": start + 10},
    )

    assert ["thread_count", "cpu_percent", "memory_rss_bytes"] == table.column_names[7:]
    assert [0.0, 50.0, 25.0] == table["cpu_percent"].to_pylist()
    assert [None, None, 3] == table["thread_count"].to_pylist()
    assert [None] * 3 == table["memory_rss_bytes"].to_pylist()


@pytest.mark.parametrize("resolution", ["auto", "10s", "1m", "1h"])
async def test_steps_are_those_of_a_query(
    served: Served,
    start: int,
    wanted: str,
    resolution: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many parts they are read in."""
    monkeypatch.setattr(reading, "_STEPS_VALUES", 1)
    batches = [
        process_batch(slot=start + i, previous=None, run="ab"[i < 1000])
        for i in (*range(500), *range(900, 2500))
    ]
    await served.keep(*batches)
    span = {"from": start + 7, "to": start + 2400, "max_points": 100}
    metric = ["memory_rss_bytes", "cpu_time_ns", "thread_count"]

    table = await export(
        served, format=wanted, metric=metric, resolution=resolution, **span
    )

    answer = await served.get(
        "query",
        host="robot",
        process="planner",
        metric=metric,
        resolution=resolution,
        **span | {"max_points": 100 if resolution == "auto" else 10_000},
    )
    [series] = answer["series"]
    keep = [
        i
        for i, _ in enumerate(series["time_ms"])
        if any(series["metrics"][m]["values"][i] is not None for m in metric)
    ]
    assert [round(series["time_ms"][i] * 1e6) for i in keep] == times_ns(table)
    for name in metric:
        there = series["metrics"][name]
        for ours, theirs in (("mean", "values"), ("min", "min"), ("max", "max")):
            expected = [there[theirs][i] for i in keep]
            assert pytest.approx(expected) == table[f"{name}.{ours}"].to_pylist()
    assert "run" not in table.column_names


@pytest.mark.parametrize("resolution", ["auto", "1m"])
@pytest.mark.parametrize("layout", ["wide", "long"])
async def test_steps_are_of_all_metrics_if_none_is_named(
    served: Served, start: int, wanted: str, layout: str, resolution: str
) -> None:
    await served.keep(*(process_batch(slot=start + i) for i in range(100)))

    table = await export(
        served,
        format=wanted,
        resolution=resolution,
        layout=layout,
        **{"from": start, "to": start + 3 * HOUR},
    )

    names = {"cpu_time_ns", "memory_rss_bytes", "thread_count"}
    if layout == "wide":
        suffixes = ("mean", "min", "max")
        assert {f"{n}.{s}" for n in names for s in suffixes} == {
            *table.column_names[5:]
        }
    else:
        assert names == set(table["metric"].to_pylist())
        assert ["mean", "min", "max"] == table.column_names[-3:]
    assert table.num_rows


async def test_processes_gpus_and_hosts_come_as_they_are_asked_for(
    served: Served, start: int, wanted: str
) -> None:
    await served.keep(
        process_batch(slot=start),
        process_batch(slot=start, process="mapper"),
        process_batch(slot=start, host="robot-2", process="mapper"),
        host_batch(slot=start),
        gpu_batch(slot=start),
    )
    span = {"from": start, "to": start + 10, "format": wanted}

    many = await export(served, host="robot*", process="*", gpu=0, **span)
    host = await export(served, process=None, **span)

    labels = ("host", "kind", "process", "gpu")
    assert [
        ("robot", "process", "mapper", None),
        ("robot", "process", "planner", None),
        ("robot", "gpu", None, 0),
        ("robot-2", "process", "mapper", None),
    ] == sorted(
        set(zip(*(many[name].to_pylist() for name in labels), strict=True)),
        key=lambda row: (row[0], row[2] is None, row[2] or ""),
    )
    assert {"gpu_utilization_percent", "thread_count"} < set(many.column_names)
    assert [("robot", "host", None, None)] == list(
        zip(*(host[name].to_pylist() for name in labels), strict=True)
    )
    assert [0.5] == host["load_1m"].to_pylist()


async def test_a_metric_of_integers_and_floats_is_one_of_floats(
    served: Served, start: int, wanted: str
) -> None:
    """In whichever form and hour they lie."""
    for i, values in enumerate([[1, 2], [0.5, 1.5], [3, 4]]):
        await served.keep(
            process_batch(slot=start + i * HOUR - HOUR, metrics={"load_1m": values})
        )
    await compact(served.store, start + HOUR)

    table = await export(
        served, format=wanted, **{"from": start - HOUR, "to": start + 2 * HOUR}
    )

    assert pa.float64() == table.schema.field("load_1m").type
    assert [1, 2, 0.5, 1.5, 3, 4] == table["load_1m"].to_pylist()


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


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"from": "yesterday"}, 400, "from"),
        ({"from": "-5m", "to": "-10m"}, 400, "from"),
        ({"metric": "cpu_pct"}, 400, "metric"),
        ({"format": "xlsx"}, 400, "format"),
        ({"layout": "tall"}, 400, "layout"),
        ({"resolution": "2s"}, 400, "resolution"),
        ({"time": "noon"}, 400, "time"),
        ({"max_points": 0}, 400, "max_points"),
        ({"tag": "robot"}, 400, "tag"),
        ({"host": "nowhere"}, 404, ""),
        ({"process": "nothing"}, 404, ""),
    ],
)
async def test_a_bad_export_is_a_problem_that_names_the_field(
    served: Served,
    start: int,
    params: dict[str, Any],
    status: int,
    field: str,
) -> None:
    await served.keep(process_batch(slot=start))

    problem = await served.get("export", status, **{"host": "robot"} | params)

    assert status == problem["status"]
    assert [field] * bool(field) == [e["field"] for e in problem.get("errors", ())]


async def test_more_columns_than_a_table_can_have_are_refused(
    served: Served, start: int, wanted: str
) -> None:
    metrics = {f"m{i}": [i, i] for i in range(300)}
    await served.keep(
        *(
            process_batch(
                slot=start,
                process=f"p{p}",
                metrics={f"p{p}_{k}": v for k, v in metrics.items()},
            )
            for p in range(7)
        )
    )
    span = {"from": start, "to": start + 1, "format": wanted, "process": "*"}

    problem = await served.get("export", 400, host="robot", **span)
    long = await export(served, layout="long", **span)

    assert "2,100 columns" in problem["detail"]
    assert 7 * 300 * 2 == long.num_rows


async def test_a_metric_that_is_called_like_a_label_is_told_apart(
    served: Served, start: int, wanted: str
) -> None:
    metrics = {"time": [1, 2], "host": [3, 4], "time:a": [5, 6]}
    await served.keep(process_batch(slot=start, metrics=metrics))

    table = await export(served, format=wanted, **{"from": start, "to": start + 1})

    assert ["metric.host", "metric.time", "time:a"] == table.column_names[7:]
    assert [1, 2] == table["metric.time"].to_pylist()


@pytest.fixture
async def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the hours that are read."""
    hours: list[int] = []
    strips = Batches.strips

    async def noted(self: Batches, *args: Any) -> AsyncIterator[Any]:
        async for hour in strips(self, *args):
            hours.append(1)
            yield hour

    monkeypatch.setattr(Batches, "strips", noted)
    return hours


async def test_a_client_that_goes_ends_the_work_and_makes_room_for_the_next(
    served: Served,
    start: int,
    wanted: str,
    counted: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Exports, "at_once_max", 1)
    monkeypatch.setattr(encoding, "_CELLS_MAX", 200_000)
    hours = 48
    first = start - hours * HOUR
    await keep(served.store, PLANNER, first, hours=hours, hz=10)
    query = {"host": "robot", "process": "planner", "from": first, "to": start}

    async def answers(status: int) -> bool:
        params = query | {"from": start - 1, "format": wanted}
        answer = await served.http.get("/api/v1/export", params=params)
        if answer.status_code == 503:
            assert "2" == answer.headers["retry-after"]
        return status == answer.status_code

    async with served.http.stream(
        "GET", "/api/v1/export", params=query | {"format": wanted}
    ) as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces)
        assert await answers(503)
    await eventually(lambda: answers(200))
    read_until_then = len(counted)

    assert await answers(200)
    assert len(counted) <= read_until_then + 1
    assert len(counted) < hours


async def test_a_client_that_takes_nothing_is_given_up(
    served: Served, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exports, "at_once_max", 1)
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    first = start - 24 * HOUR
    await keep(served.store, PLANNER, first, hours=24, hz=10)
    query = {"host": "robot", "process": "planner", "from": first, "to": start}

    async def has_room() -> bool:
        params = query | {"from": start - 1}
        answer = await served.http.get("/api/v1/export", params=params)
        return answer.is_success

    async with served.http.stream("GET", "/api/v1/export", params=query) as answer:
        await eventually(has_room)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await answer.aread()
