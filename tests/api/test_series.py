"""What series have is told as it last was, however long ago and wherever it lies."""

from __future__ import annotations

import time
from typing import Any

import pytest
from builders import SLOT, gpu_batch, host_batch, process_batch

from robometrics.queries.contents import WINDOW_SECONDS
from robometrics.store import BEHIND_SLOTS_MAX
from robometrics.store.compaction import Compactor

from .conftest import Served

HOST_METRICS = {
    "load_1m": [0.5],
    **{f"cpu_time_ns:{core}": [1] for core in range(12)},
    "cpu_time_ns": [12],
    "filesystem_used_bytes:=2Fmnt": [1],
}


async def ask(served: Served, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await served.get("series", **params))["series"]
    return rows


async def test_metrics_come_with_their_instances_as_people_count(
    served: Served,
) -> None:
    await served.keep(host_batch(metrics=HOST_METRICS))
    assert [
        {
            "host": "robot",
            "kind": "host",
            "process": None,
            "gpu": None,
            "last_seen_ms": SLOT * 1e3,
            "metrics": {
                "cpu_time_ns": ["", *map(str, range(12))],
                "filesystem_used_bytes": ["=2Fmnt"],
                "load_1m": [""],
            },
        }
    ] == await ask(served, host="robot")


async def test_processes_and_gpus_are_matched_as_in_a_query(served: Served) -> None:
    await served.keep(
        host_batch(),
        gpu_batch(),
        process_batch(process="arm-1"),
        process_batch(process="arm-2", metrics={"thread_cpu_time_ns:main": [1, 2]}),
        process_batch(process="camera"),
        process_batch(process="arm-3", host="rover"),
    )
    rows = await ask(served, host=["robot", "rover"], process="arm-*", gpu=0)
    assert [
        ("process", "arm-1"),
        ("process", "arm-2"),
        ("gpu", None),
        ("process", "arm-3"),
    ] == [(row["kind"], row["process"]) for row in rows]
    assert {"thread_cpu_time_ns": ["main"]} == rows[1]["metrics"]
    assert {"gpu_utilization_percent": [""]}.items() <= rows[2]["metrics"].items()


async def test_each_series_is_told_as_it_was_when_it_was_last_seen(
    served: Served,
) -> None:
    """One that ended a month ago has its charts; what it lost before has none."""
    now = int(time.time())
    ago = now - 30 * 86_400
    await served.keep(
        process_batch(process="old", slot=ago - WINDOW_SECONDS - 60,
                      metrics={"memory_pss_bytes": [1, 1]}),
        process_batch(process="old", slot=ago - WINDOW_SECONDS + 60,
                      metrics={"open_file_count": [1]}),
        process_batch(process="old", slot=ago, metrics={"thread_count": [1]}),
        process_batch(process="new", slot=now),
    )  # fmt: skip
    new, old = await ask(served, host="robot", process="*")
    assert (now * 1e3, ago * 1e3) == (new["last_seen_ms"], old["last_seen_ms"])
    assert {"open_file_count", "thread_count"} == set(old["metrics"])
    assert {"cpu_time_ns", "memory_rss_bytes", "thread_count"} == set(new["metrics"])


async def test_what_was_not_noted_yet_counts_as_well(served: Served) -> None:
    """Batches are noted every few seconds, and a reader does not wait for that."""
    await served.keep(process_batch())
    later = process_batch(
        slot=SLOT + BEHIND_SLOTS_MAX, metrics={"open_file_count": [1]}
    )
    await served.store.batches.insert([later])
    [row] = await ask(served, host="robot", process="planner")
    assert "open_file_count" in row["metrics"]


async def test_hours_that_are_packed_tell_the_same(served: Served) -> None:
    await served.keep(host_batch(metrics=HOST_METRICS))
    fresh = await ask(served, host="robot")
    compactor = Compactor(served.store._database)
    assert [each async for each in compactor.compact(SLOT + 7_200)]
    assert fresh == await ask(served, host="robot")


async def test_what_could_not_be_read_is_no_chart_but_is_told(served: Served) -> None:
    """The page may say that there is none; the value may come later."""
    await served.keep(host_batch(metrics={"fan_rpm:left": [None]}))
    [row] = await ask(served, host="robot")
    assert {"fan_rpm": ["left"]} == row["metrics"]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"host": "nowhere"}, 404),
        ({"host": "robot", "process": "nobody"}, 404),
        ({"host": "robot", "gpu": 7}, 404),
        ({}, 400),
        ({"host": "robot", "timeout_seconds": 0}, 400),
    ],
)
async def test_a_bad_question_says_what_is_wrong(
    served: Served, params: dict[str, Any], status: int
) -> None:
    await served.keep(host_batch())
    assert (await served.get("series", status, **params))["detail"]
