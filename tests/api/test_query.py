"""What a query answers is what was stored: exact, on a grid, with honest gaps."""

from __future__ import annotations

import time
from typing import Any

import pytest
from builders import event, host_batch, process_batch

from robometrics.schema import Previous
from robometrics.store import Series

from .conftest import Served

SECOND = 1_000_000_000


def chain(
    first_slot: int, slots: range, *, percent: float = 50.0, **changes: Any
) -> list[Any]:
    """Return batches at 2 Hz of a process that uses *percent* of a core."""
    step_ns = round(percent / 100 * SECOND / 2)
    found = []
    for i in slots:
        base = i * 2 * step_ns
        previous = Previous(
            offset_ns=-SECOND // 2, counters={"cpu_time_ns": base - step_ns}
        )
        found.append(
            process_batch(
                slot=first_slot + i,
                metrics={
                    "cpu_time_ns": [base, base + step_ns],
                    "memory_rss_bytes": [1_000 * i, 1_000 * i + 500],
                    "thread_count": [3],
                },
                previous=previous if i else None,
                **changes,
            )
        )
    return found


async def ask(served: Served, start: int, stop: int, **params: Any) -> Any:
    query = {"host": "robot", "process": "planner", "from": start, "to": stop}
    answer = await served.get("query", **(query | params))
    return answer["series"]


async def test_raw_is_every_sample_with_its_own_time(
    served: Served, start: int
) -> None:
    await served.keep(*chain(start, range(3)))
    metric = ["cpu_percent", "memory_rss_bytes", "cpu_time_ns"]
    [series] = await ask(served, start, start + 10, metric=metric, resolution="raw")
    assert [(start * 1000) + i * 500 for i in range(6)] == series["time_ms"]
    assert [None, *[50.0] * 5] == series["metrics"]["cpu_percent"]["values"]
    memory = series["metrics"]["memory_rss_bytes"]["values"]
    assert [0, 500, 1000, 1500, 2000, 2500] == memory
    assert 250_000_000 * 5 == series["metrics"]["cpu_time_ns"]["values"][-1]


async def test_a_missing_batch_is_a_null_between_its_neighbours(
    served: Served, start: int
) -> None:
    batches = chain(start, range(6))
    await served.keep(*batches[:2], *batches[4:])
    [series] = await ask(
        served, start, start + 10, metric="memory_rss_bytes", resolution="raw"
    )
    values = series["metrics"]["memory_rss_bytes"]["values"]
    assert [0, 500, 1000, 1500, None, 4000, 4500, 5000, 5500] == values
    [grid] = await ask(
        served, start, start + 6, metric="memory_rss_bytes", max_points=6
    )
    values = grid["metrics"]["memory_rss_bytes"]["values"]
    assert [250, 1250, None, None, 4250, 5250] == values


async def test_a_grid_keeps_the_spike_that_its_mean_hides(
    served: Served, start: int
) -> None:
    batches = chain(start, range(60))
    batches[30].metrics["memory_rss_bytes"][1] = 9_000_000
    await served.keep(*batches)
    [series] = await ask(
        served, start, start + 60, metric="memory_rss_bytes", max_points=3
    )
    answer = series["metrics"]["memory_rss_bytes"]
    assert "10s" == series["resolution"]
    assert [19_500, 9_000_000, 59_500] == answer["max"]
    assert [0, 20_000, 40_000] == answer["min"]
    assert answer["values"][0] == pytest.approx(9_750)


@pytest.mark.parametrize(
    ("hours", "max_points", "resolution"),
    [(1, 3600, "raw"), (1, 360, "10s"), (1, 60, "1m"), (3, 3, "1h")],
)
async def test_each_resolution_tells_the_same_story(
    served: Served, start: int, hours: int, max_points: int, resolution: str
) -> None:
    await served.keep(*chain(start, range(0, 3600, 1)))
    [series] = await ask(
        served,
        start,
        start + hours * 3600,
        metric="cpu_percent",
        max_points=max_points,
    )
    assert resolution == series["resolution"]
    assert max_points == len(series["time_ms"])
    values = [v for v in series["metrics"]["cpu_percent"]["values"] if v is not None]
    assert values == pytest.approx([50.0] * len(values), rel=1e-3)
    assert max_points // hours == len(values)


async def test_runs_side_by_side_add_up_and_runs_in_turn_do_not(
    served: Served, start: int
) -> None:
    await served.keep(
        *chain(start, range(120), run="a-1-1"), *chain(start, range(60), run="a-2-2")
    )
    [series] = await ask(served, start, start + 120, metric="cpu_percent", max_points=2)
    assert [100.0, 50.0] == pytest.approx(
        series["metrics"]["cpu_percent"]["values"], rel=0.02
    )


async def test_the_host_answers_for_itself_without_a_process(
    served: Served, start: int
) -> None:
    await served.keep(host_batch(slot=start))
    answer = await served.get(
        "query",
        host="robot",
        metric="load_1m",
        resolution="raw",
        **{"from": start, "to": start + 1},
    )
    [series] = answer["series"]
    assert ("host", None, [0.5]) == (
        series["kind"],
        series["process"],
        series["metrics"]["load_1m"]["values"],
    )


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"metric": "cpu_percent", "from": "yesterday"}, 400, "from"),
        ({"metric": "cpu_percent", "from": "-5m", "to": "-10m"}, 400, "from"),
        ({"metric": "cpu_percent", "to": "9" * 30}, 400, "to"),
        ({"metric": "cpu_percent", "max_points": 0}, 400, "max_points"),
        ({"metric": "cpu_percent", "max_points": "many"}, 400, "max_points"),
        ({"metric": "cpu_percent", "resolution": "2s"}, 400, "resolution"),
        ({"metric": "cpu_pct"}, 400, "metric"),
        ({"metric": "$where"}, 400, "metric"),
        ({}, 400, "metric"),
        ({"metric": "cpu_percent", "host": "nowhere"}, 404, ""),
        ({"metric": "cpu_percent", "process": "nothing"}, 404, ""),
        ({"metric": "cpu_percent", "host": '{"$ne": null}'}, 404, ""),
        ({"metric": "cpu_percent", "host": ""}, 400, "host"),
    ],
)
async def test_a_bad_query_is_a_problem_that_names_the_field(
    served: Served, start: int, params: dict[str, Any], status: int, field: str
) -> None:
    await served.keep(process_batch(slot=start))
    answer = await served.http.get("/api/v1/query", params={"host": "robot"} | params)
    assert status == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    problem = answer.json()
    assert status == problem["status"]
    if field:
        assert [field] == [error["field"] for error in problem["errors"]]
    assert problem["detail"]


async def test_processes_have_states_and_runs(served: Served) -> None:
    now = int(time.time())
    await served.keep(
        process_batch(slot=now),
        process_batch(slot=now, process="ended", run="a-9-9"),
        process_batch(slot=now - 100, process="silent", run="a-8-8"),
        host_batch(slot=now),
    )
    await served.store.fleet.record(
        [
            event(
                id="x-1",
                event="exited",
                process="ended",
                run="a-9-9",
                exit_code=3,
                at_ns=now * SECOND,
            )
        ]
    )
    rows = (await served.get("processes", host="robot"))["processes"]
    assert {
        "planner": ("running", None),
        "ended": ("exited", 3),
        "silent": ("stale", None),
    } == {row["process"]: (row["state"], row["exit_code"]) for row in rows}
    [run] = (await served.get("runs", host="robot", process="ended"))["runs"]
    assert ("exited", 3) == (run["end"], run["exit_code"])
    [host] = (await served.get("hosts"))["hosts"]
    assert ("robot", "live", 3) == (
        host["host"],
        host["state"],
        host["process_count"],
    )
    assert (None, None) == (host["outbox_messages"], host["clock_offset_ms"])
    await served.get("processes", 404, host="nowhere")
    await served.get("runs", 404, host="nowhere")


async def test_hosts_show_their_backlog_and_how_wrong_their_clock_is(
    served: Served,
) -> None:
    own = {"outbox_messages": [12], "clock_offset_ns": [-2_500_000]}
    await served.keep(host_batch(slot=int(time.time()), metrics=own))

    [host] = (await served.get("hosts"))["hosts"]

    assert (12, -2.5) == (host["outbox_messages"], host["clock_offset_ms"])


async def test_a_counter_that_was_reset_gives_no_negative_rate(
    served: Served, start: int
) -> None:
    """The worker's own counters begin at 0 again when it restarts."""
    cpu = [100, 200, 300, 10, 20, 30]
    await served.keep(
        *(
            host_batch(
                slot=start + i * 60,
                metrics={"worker_cpu_time_ns": [value * 10_000_000]},
            )
            for i, value in enumerate(cpu)
        )
    )
    answer = await served.get(
        "query",
        host="robot",
        metric="worker_cpu_percent",
        max_points=6,
        **{"from": start, "to": start + 360},
    )
    [series] = answer["series"]
    values = series["metrics"]["worker_cpu_percent"]["values"]
    assert all(value is None or value >= 0 for value in values)


async def test_a_gap_before_a_window_has_no_say_in_its_mean(
    served: Served, start: int
) -> None:
    busy = chain(start, range(10), percent=100)
    last = busy[-1].metrics["cpu_time_ns"][-1]
    idle = [
        process_batch(
            slot=start + 600 + i,
            metrics={"cpu_time_ns": [last, last]},
            previous=None
            if not i
            else Previous(offset_ns=-SECOND // 2, counters={"cpu_time_ns": last}),
        )
        for i in range(50)
    ]
    await served.keep(*busy, *idle)
    [series] = await ask(
        served, start, start + 660, metric="cpu_percent", max_points=11
    )
    assert series["metrics"]["cpu_percent"]["values"][10] == pytest.approx(0, abs=2)


@pytest.mark.parametrize("shift", [0, 0.3, 7, 59.9])
@pytest.mark.parametrize("max_points", [7, 60, 1_000])
async def test_an_answer_has_max_points_or_one_more_if_not_aligned(
    served: Served, start: int, shift: float, max_points: int
) -> None:
    start -= start % 540  # where a step of every length here begins
    await served.keep(*chain(start, range(3)))
    [series] = await ask(
        served,
        start + shift,
        start + shift + 3600,
        metric="cpu_percent",
        max_points=max_points,
    )
    assert max_points * 0.8 < len(series["time_ms"]) <= max_points + bool(shift)


@pytest.mark.parametrize(("max_points", "off"), [(20, 0.0), (1, 0.011)])
async def test_quantiles_of_each_step_are_told_beside_its_mean(
    served: Served, start: int, max_points: int, off: float
) -> None:
    """Of samples they are exact, of windows at most a percent off."""
    await served.keep(*chain(start, range(60)))
    [series] = await ask(
        served,
        start,
        start + 60,
        metric=["memory_rss_bytes", "thread_count"],
        max_points=max_points,
        quantile=[0.5, 0.999],
    )
    found = series["metrics"]["memory_rss_bytes"]["quantiles"]
    samples = 120 // max_points
    last = [500 * (step * samples + samples - 1) for step in range(max_points)]
    assert last == pytest.approx(found["p99.9"], rel=off or 1e-12)
    assert found["p50"][0] < found["p99.9"][0]
    assert (max_points == 1) != ("quantiles" in series["metrics"]["thread_count"])


async def test_quantiles_have_no_meaning_for_single_samples_or_groups(
    served: Served, start: int
) -> None:
    await served.keep(process_batch(slot=start))
    for wrong in ({"resolution": "raw"}, {"group_by": "host"}):
        problem = await served.get(
            "query",
            400,
            host="robot",
            process="planner",
            metric="memory_rss_bytes",
            quantile=0.5,
            **wrong,
        )
        assert ["quantile"] == [each["field"] for each in problem["errors"]]


async def test_where_raw_samples_were_deleted_windows_answer(
    served: Served, start: int
) -> None:
    """Retention keeps windows for longer."""
    await served.keep(*chain(start, range(60)))
    wanted = {"metric": "memory_rss_bytes", "max_points": 60}
    [before] = await ask(served, start, start + 60, **wanted)

    planner = Series("robot", "process", "planner")
    await served.store.marks.set(planner, "raw", start + 3600)
    await served.store._database["batches"].delete_many({})

    [after] = await ask(served, start, start + 60, **wanted)
    assert ("raw", "10s") == (before["resolution"], after["resolution"])
    for found in (before, after):
        metric = found["metrics"]["memory_rss_bytes"]
        assert (0, 59_500) == (min(metric["min"]), max(metric["max"]))
