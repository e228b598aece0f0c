"""What is exported is what was stored: exact, in every format."""

from __future__ import annotations

import itertools
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from builders import gpu_batch, host_batch, process_batch
from histories import HOUR

from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store import Store
from robometrics.store.compaction import Compactor
from robometrics.tables import reading

from .conftest import Served
from .exported import PLANNER, export, rows_of, stored, times_ns


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
    done = [each async for each in Compactor(store._database).compact(before)]
    assert sum(each.batches for each in done) > sum(each.damaged for each in done) == 0


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
