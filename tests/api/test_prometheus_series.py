"""Which series there are, how runs join, when a value is stale, and what is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from builders import SLOT, event, gpu_batch, host_batch, process_batch

from robometrics.api.prometheus import engine as engines
from robometrics.api.prometheus import selecting
from robometrics.api.prometheus.engine import Bounds, Engine
from robometrics.api.prometheus.errors import ExecutionError
from robometrics.api.prometheus.evaluate import Times
from robometrics.api.prometheus.labels import Labels
from robometrics.api.prometheus.selecting import reading_of
from robometrics.api.prometheus.source import Budget
from robometrics.api.prometheus.syntax import parse, parse_selector
from robometrics.schema import AnyBatch, Event, Previous
from robometrics.store import Store

SECOND = 1_000_000_000
START = SLOT - SLOT % 86_400
"""A midnight."""


def seconds(
    slots: range, *, percent: float = 50.0, since: int = 0, **changes: Any
) -> list[AnyBatch]:
    """Return batches of a process that uses *percent* of a core, at 1 Hz."""
    step = round(percent / 100 * SECOND)
    return [
        process_batch(
            slot=START + slot,
            interval_ns=SECOND,
            offset_ns=[0],
            metrics={
                "cpu_time_ns": [(slot - since) * step],
                "memory_rss_bytes": [1_000 + slot],
            },
            previous=Previous(
                offset_ns=-SECOND, counters={"cpu_time_ns": (slot - since - 1) * step}
            )
            if slot > slots.start
            else None,
            **changes,
        )
        for slot in slots
    ]


async def keep(store: Store, *batches: AnyBatch) -> None:
    await store.batches.insert(batches)
    await store.fleet.see(batches)
    await store.rollups.fold(batches)


def registered(run: str, **tags: str) -> Event:
    return event(
        id=f"r-{run}",
        event="registered",
        process="planner",
        run=run,
        pid=1,
        tags=tags,
        at_ns=START * SECOND,
    )


async def at(
    store: Store, query: str, second: float, **bounds: Any
) -> list[tuple[dict[str, str], float]]:
    body = await Engine(store).instant(
        query, round((START + second) * SECOND), Bounds(**bounds)
    )
    data = msgspec.json.decode(body)["data"]
    assert "vector" == data["resultType"]
    return [(each["metric"], float(each["value"][1])) for each in data["result"]]


async def over(
    store: Store, query: str, start: int, end: int, step: int
) -> dict[str, list[tuple[int, float]]]:
    """Return points by label set, of seconds since the start."""
    times = Times((START + start) * SECOND, (START + end) * SECOND, step * SECOND)
    body = await Engine(store).over_range(query, times, Bounds())
    return {
        str(each["metric"]): [
            (at - START, float(value)) for at, value in each["values"]
        ]
        for each in msgspec.json.decode(body)["data"]["result"]
    }


async def listed(store: Store, match: str, end: int = 3600) -> list[dict[str, str]]:
    span = START * SECOND, (START + end) * SECOND
    found: list[Labels] = await Engine(store).listed(
        [match], span, Bounds(), lambda labels: (labels,)
    )
    return [dict(labels) for labels in found]


async def test_a_series_goes_on_over_runs_in_turn(store: Store) -> None:
    await keep(
        store,
        *seconds(range(100), run="a-1-1"),
        *seconds(range(102, 200), run="a-2-2", since=102),
    )
    [(labels, grown)] = await at(store, "increase(cpu_time_ns[150s])", 199.5)
    assert {"host": "robot", "kind": "process", "process": "planner"} == labels
    assert pytest.approx(73.5 * SECOND, rel=1e-3) == grown
    [points] = (await over(store, "memory_rss_bytes", 95, 105, 1)).values()
    assert [(second, 1_000 + min(second, 99)) for second in (95, 99, 100, 101)] == [
        points[0],
        points[4],
        points[5],
        points[6],
    ]


async def test_tags_of_a_run_are_labels(store: Store) -> None:
    await keep(
        store,
        *seconds(range(50), run="a-1-1"),
        *seconds(range(60, 100), run="a-2-2"),
    )
    await store.fleet.record([registered("a-1-1", robot="r1", site="lab")])
    await store.fleet.record([registered("a-2-2", robot="r2")])
    [(labels, _)] = await at(store, 'memory_rss_bytes{tag_robot="r1"}', 49)
    assert ("r1", "lab") == (labels["tag_robot"], labels["tag_site"])
    sums = await over(store, "sum by (tag_robot) (memory_rss_bytes)", 40, 90, 1)
    assert ["{'tag_robot': 'r1'}", "{'tag_robot': 'r2'}"] == sorted(sums)
    assert ["lab"] == [
        each["tag_site"]
        for each in await listed(store, 'memory_rss_bytes{tag_site!=""}')
    ]


async def test_runs_side_by_side_have_a_label_of_their_own(store: Store) -> None:
    await keep(
        store,
        *seconds(range(100), run="a-1-1"),
        *seconds(range(50, 100), run="a-2-2", percent=25.0, since=50),
    )
    found = await at(store, "cpu_percent", 80)
    assert {"a-1-1": 50.0, "a-2-2": 25.0} == {
        labels["run"]: value for labels, value in found
    }
    assert [({"process": "planner"}, 75.0)] == await at(
        store, "sum by (process) (cpu_percent)", 80
    )
    assert {"a-1-1", "a-2-2"} == {
        each["run"] for each in await listed(store, "cpu_percent")
    }


async def test_a_matcher_on_run_tells_runs_in_turn_apart(store: Store) -> None:
    await keep(
        store, *seconds(range(50), run="a-1-1"), *seconds(range(60, 90), run="a-2-2")
    )
    found = await over(store, 'memory_rss_bytes{run=~".+"}', 0, 90, 1)
    assert 2 == len(found)
    [(labels, _)] = await at(store, 'memory_rss_bytes{run="a-2-2"}', 80)
    assert "a-2-2" == labels["run"]
    [(labels, _)] = await at(store, "memory_rss_bytes", 80)
    assert "run" not in labels


@pytest.mark.parametrize(
    ("interval_seconds", "metric", "kept_seconds"),
    [
        (0.1, "thread_count", 15),
        (1, "thread_count", 15),
        (10, "thread_count", 50),
        (60, "thread_count", 300),
        (600, "thread_count", 300),
        (1, "memory_pss_bytes", 150),
    ],
)
@pytest.mark.parametrize("is_range", [False, True])
async def test_a_value_is_present_for_five_intervals(
    store: Store,
    interval_seconds: float,
    metric: str,
    kept_seconds: int,
    is_range: bool,
) -> None:
    """Not for five minutes, or no gap would ever show at 1 Hz."""
    await keep(
        store,
        process_batch(
            slot=START,
            interval_ns=round(interval_seconds * SECOND),
            offset_ns=[0],
            metrics={metric: [3]},
        ),
    )
    if is_range:
        [points] = (await over(store, metric, 0, 600, 1)).values()
        assert kept_seconds - 1 == points[-1][0]
    else:
        assert 1 == len(await at(store, metric, kept_seconds - 0.1))
        assert [] == await at(store, metric, kept_seconds)


async def test_a_process_that_ended_is_gone_at_once(store: Store) -> None:
    await keep(store, *seconds(range(10)))
    [_] = await at(store, "memory_rss_bytes", 12)
    await store.fleet.record(
        [
            event(
                id="x-1",
                event="exited",
                process="planner",
                run="ab12cd34-42-777",
                exit_code=0,
                at_ns=START * SECOND + 9_500_000_000,
            )
        ]
    )
    [_] = await at(store, "memory_rss_bytes", 9.4)
    assert [] == await at(store, "memory_rss_bytes", 9.6)


async def test_a_second_that_passes_twice_counts_as_it_passed_last(
    store: Store,
) -> None:
    first = seconds(range(10, 30))
    again = [
        process_batch(
            slot=START + slot,
            generation=1,
            interval_ns=SECOND,
            offset_ns=[0],
            metrics={"memory_rss_bytes": [7]},
        )
        for slot in range(20, 40)
    ]
    await keep(store, *first, *again)
    [points] = (await over(store, "memory_rss_bytes", 18, 32, 1)).values()
    assert [1018, 1019, *[7] * 13] == [value for _, value in points]


async def test_hosts_gpus_and_parts_are_labels(store: Store) -> None:
    await keep(
        store,
        host_batch(
            slot=START, metrics={"filesystem_used_bytes:=2Fhome": [5], "load_1m": [1]}
        ),
        gpu_batch(slot=START),
    )
    assert [
        (
            {
                "__name__": "filesystem_used_bytes",
                "host": "robot",
                "kind": "host",
                "part": "/home",
            },
            5.0,
        )
    ] == await at(store, 'filesystem_used_bytes{part=~"/.*"}', 1)
    [(labels, value)] = await at(store, '{__name__="gpu_utilization_percent"}', 1)
    assert ("gpu", "0", 42.0) == (labels["kind"], labels["gpu"], value)
    names = {each["__name__"] for each in await listed(store, '{kind="gpu"}')}
    assert {"gpu_energy_millijoules_total", "gpu_mean_power_watts"} <= names


async def test_a_metric_of_a_newer_worker_is_found(store: Store) -> None:
    await keep(store, host_batch(slot=START, metrics={"quantum_flux_count": [9]}))
    [(_, value)] = await at(store, "quantum_flux_count", 1)
    assert 9 == value
    assert 1 == len(await listed(store, "quantum_flux_count"))


async def test_what_no_window_has_yet_is_found_while_newer_samples_come(
    store: Store,
) -> None:
    """As it is where the rollup consumer is behind: only samples know the metrics."""
    batches = [
        host_batch(slot=START + slot, metrics={"load_1m": [slot]}) for slot in range(9)
    ]
    await store.batches.insert(batches)
    await store.fleet.see(batches)
    [(_, value)] = await at(store, "load_1m", 5)
    assert 5 == value


@pytest.mark.parametrize("step", [1, 10, 60, 3600])
async def test_each_resolution_tells_the_same_story(store: Store, step: int) -> None:
    await keep(store, *seconds(range(2 * 3600)))
    start, end = 3600 - 5 * step if step < 3600 else 3600, 3600 + 5 * step
    for query in ("cpu_percent", f"rate(cpu_time_ns[{min(4 * step, 3600)}s]) / 1e7"):
        [points] = (await over(store, query, start, min(end, 7200), step)).values()
        values = [value for _, value in points]
        assert values == pytest.approx([50.0] * len(values), rel=5e-3)
        assert (min(end, 7200) - start) // step + 1 == len(values)


async def test_a_spike_of_one_second_is_there_in_a_week(store: Store) -> None:
    batches = seconds(range(7200))
    batches[4000].metrics["memory_rss_bytes"][0] = 10**9
    batches[4001].metrics["memory_rss_bytes"][0] = -5
    await keep(store, *batches)
    week = 7 * 86_400
    [high] = (
        await over(store, "max_over_time(memory_rss_bytes[1h])", 0, week, 3600)
    ).values()
    [low] = (
        await over(store, "min_over_time(memory_rss_bytes[1h])", 0, week, 3600)
    ).values()
    [sums] = (
        await over(store, "count_over_time(memory_rss_bytes[1h])", 0, week, 3600)
    ).values()
    assert [(3600, 4599.0), (7200, 1e9)] == high
    assert [(3600, 1000.0), (7200, -5.0)] == low
    assert [(3600, 3600.0), (7200, 3600.0)] == sums


@pytest.mark.parametrize(
    ("query", "length", "step", "resolution"),
    [
        ("x", 3600, 1, "raw"),
        ("x", 3600, 9, "raw"),
        ("x", 3600, 10, "10s"),
        ("x", 86_400, 60, "1m"),
        ("x", 86_400, 9, "10s"),
        ("x", 7 * 86_400, 3600, "1h"),
        ("rate(x[1m])", 3600, 15, "10s"),
        ("rate(x[30s])", 3600, 15, "10s"),
        ("rate(x[1h])", 86_400, 60, "1m"),
        ("rate(x[1h])", 86_400, 3600, "1h"),
        ("rate(x[11s])", 3600, 10, "10s"),
        ("irate(x[11s])", 3600, 10, "raw"),
        ("delta(x[1m])", 3600, 15, "10s"),
        ("delta(x[20s])", 3600, 15, "raw"),
        ("rate(x[1d])", 7 * 86_400, 3600, "1h"),
        ("quantile_over_time(0.9, x[1m])", 3600, 15, "raw"),
        ("x", 0, 0, "raw"),
        ("rate(x[1m])", 0, 0, "raw"),
        ("rate(x[5m])", 0, 0, "10s"),
        ("max_over_time(x[1d])", 0, 0, "1m"),
    ],
)
def test_the_resolution_is_as_coarse_as_the_step_allows(
    query: str, length: int, step: int, resolution: str
) -> None:
    [select] = engines.selects(parse(query))
    times = Times(START * SECOND, (START + length) * SECOND, step * SECOND)
    assert resolution == reading_of(select, times).resolution


def test_what_needs_each_sample_is_refused_where_there_are_too_many() -> None:
    [select] = engines.selects(parse("quantile_over_time(0.9, x[1h])"))
    times = Times(START * SECOND, (START + 86_400) * SECOND, 60 * SECOND)
    with pytest.raises(ExecutionError, match="needs each sample"):
        reading_of(select, times)


async def test_a_query_holds_no_more_samples_than_it_may(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(store, *seconds(range(100)))
    monkeypatch.setattr(engines, "Budget", lambda: Budget(150))
    [_] = await at(store, "memory_rss_bytes", 50)
    with pytest.raises(ExecutionError, match="too many samples"):
        await over(store, "memory_rss_bytes", 0, 200, 1)


async def test_a_query_finds_no_more_series_than_it_may(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(
        store, *(process_batch(slot=START, process=f"p{number}") for number in range(5))
    )
    monkeypatch.setattr(selecting, "SERIES_MAX", 4)
    with pytest.raises(ExecutionError, match="5 series; at most 4"):
        await at(store, "thread_count", 1)
    [_] = await at(store, 'thread_count{process="p1"}', 1)


async def test_a_limit_cuts_the_answer_and_says_so(store: Store) -> None:
    await keep(
        store, *(process_batch(slot=START, process=f"p{number}") for number in range(5))
    )
    body = await Engine(store).instant(
        "thread_count", (START + 1) * SECOND, Bounds(limit=3)
    )
    answer = msgspec.json.decode(body)
    assert 3 == len(answer["data"]["result"])
    assert ["results truncated due to limit"] == answer["warnings"]


def test_a_selector_says_which_labels_it_knows() -> None:
    select = parse_selector('x{a="b", c=~"d"}')
    assert {"__name__": "x", "a": "b"} == select.equalities
    assert (True, False) == (select.takes_name("x"), select.takes_name("y"))
