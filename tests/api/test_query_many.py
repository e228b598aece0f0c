"""Many series in one query: by pattern and tag, in groups, or only the top."""

from __future__ import annotations

from typing import Any

import pytest
from api.conftest import Served
from builders import event, host_batch, process_batch

from robometrics.schema import NS_PER_SECOND, AnyBatch

SECOND = NS_PER_SECOND
ARMS = {"arm-1": 10, "arm-2": 20, "nav": 50}
"""Processes and their memory."""


def steady(host: str, process: str, value: int, start: int) -> list[AnyBatch]:
    """Return a minute of one process whose memory is *value*."""
    return [
        process_batch(
            host=host,
            process=process,
            run=f"{host}-{process}-1".lower(),
            slot=start + second,
            interval_ns=SECOND,
            offset_ns=[0],
            metrics={"memory_rss_bytes": [value]},
            previous=None,
        )
        for second in range(60)
    ]


@pytest.fixture
async def fleet(served: Served, start: int) -> Served:
    """Two robots, whose arms say by a tag that they are arms."""
    for number, host in enumerate(("robot-1", "robot-2"), 1):
        await served.keep(host_batch(host=host, slot=start))
        for process, value in ARMS.items():
            await served.keep(*steady(host, process, value * number, start))
            tags = {"part": "arm", "side": process[-1]} if "arm" in process else {}
            await served.store.fleet.record(
                [
                    event(
                        id=f"r-{host}-{process}",
                        event="registered",
                        host=host,
                        process=process,
                        run=f"{host}-{process}-1",
                        pid=42,
                        tags=tags,
                        at_ns=start * SECOND,
                    )
                ]
            )
    return served


async def ask(served: Served, start: int, status: int = 200, **params: Any) -> Any:
    query = {
        "host": "robot-*",
        "metric": "memory_rss_bytes",
        "from": start,
        "to": start + 60,
        "max_points": 1,
    }
    return await served.get("query", status, **(query | params))


def names(answer: Any) -> list[tuple[str, str]]:
    return [(each["host"], each["process"]) for each in answer["series"]]


async def test_patterns_choose_hosts_and_processes(fleet: Served, start: int) -> None:
    every = await ask(fleet, start, process="*")
    arms = await ask(fleet, start, process="arm-[12]", host="robot-2")
    hosts = await ask(fleet, start, metric="load_1m")

    assert [(h, p) for h in ("robot-1", "robot-2") for p in ARMS] == names(every)
    assert [("robot-2", "arm-1"), ("robot-2", "arm-2")] == names(arms)
    assert [("robot-1", None), ("robot-2", None)] == names(hosts)


async def test_tags_choose_processes_that_have_all_of_them(
    fleet: Served, start: int
) -> None:
    arms = await ask(fleet, start, tag=["part=arm", "side=2"])

    assert [("robot-1", "arm-2"), ("robot-2", "arm-2")] == names(arms)
    await ask(fleet, start, 404, tag="part=leg")
    await ask(fleet, start, 400, tag="part")


@pytest.mark.parametrize(
    ("group_by", "aggregate", "expected"),
    [
        ("tag:part", "sum", {"arm": (90, 4), "": (150, 2)}),
        ("tag:part", "mean", {"arm": (22.5, 4), "": (75, 2)}),
        ("host", "sum", {"robot-1": (80, 3), "robot-2": (160, 3)}),
        ("host", "max", {"robot-1": (50, 3), "robot-2": (100, 3)}),
        ("process", "min", {"arm-1": (10, 2), "arm-2": (20, 2), "nav": (50, 2)}),
        ("kind", "sum", {"process": (240, 6)}),
    ],
)
@pytest.mark.parametrize("resolution", ["auto", "10s"])
async def test_series_alike_in_a_label_become_one(
    fleet: Served,
    start: int,
    group_by: str,
    aggregate: str,
    expected: dict[str, tuple[float, int]],
    resolution: str,
) -> None:
    answer = await ask(
        fleet,
        start,
        process="*",
        group_by=group_by,
        aggregate=aggregate,
        resolution=resolution,
    )

    assert [] == answer["series"]
    assert expected == {
        group["labels"][group_by]: (
            group["metrics"]["memory_rss_bytes"]["values"][0],
            group["series"],
        )
        for group in answer["groups"]
    }


async def test_a_group_tells_bounds_of_its_extremes(fleet: Served, start: int) -> None:
    spike = steady("robot-1", "nav", 5_000, start + 60)[0]
    await fleet.keep(spike)

    answer = await ask(fleet, start, process="nav", group_by="process", to=start + 120)

    [group] = answer["groups"]
    metric = group["metrics"]["memory_rss_bytes"]
    assert [5_000 + 100] == metric["max"]
    assert [50 + 100] == metric["min"]


@pytest.mark.parametrize("by", ["mean", "max", "last"])
async def test_only_the_top_is_answered_the_greatest_first(
    fleet: Served, start: int, by: str
) -> None:
    answer = await ask(fleet, start, process="*", top=3, top_by=by)

    assert [("robot-2", "nav"), ("robot-1", "nav"), ("robot-2", "arm-2")] == names(
        answer
    )


async def test_the_top_by_its_peak_is_not_the_top_on_average(
    fleet: Served, start: int
) -> None:
    await fleet.keep(steady("robot-1", "arm-1", 900, start + 60)[0])

    by_peak = await ask(fleet, start, process="*", top=1, top_by="max", to=start + 120)
    on_average = await ask(fleet, start, process="*", top=1, to=start + 120)

    assert [("robot-1", "arm-1")] == names(by_peak)
    assert [("robot-2", "nav")] == names(on_average)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"group_by": "colour"}, "group_by"),
        ({"group_by": "host", "resolution": "raw"}, "resolution"),
        ({"top": 0}, "top"),
        ({"top_by": "size"}, "top_by"),
        ({"aggregate": "median"}, "aggregate"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 301}, "timeout_seconds"),
    ],
)
async def test_what_makes_no_sense_is_a_problem_that_names_the_field(
    fleet: Served, start: int, params: dict[str, Any], field: str
) -> None:
    problem = await ask(fleet, start, 400, process="*", **params)

    assert [field] == [each["field"] for each in problem["errors"]]


async def test_a_pattern_that_matches_nothing_says_so(
    fleet: Served, start: int
) -> None:
    problem = await ask(fleet, start, 404, process="leg-*")

    assert "nothing matches" in problem["detail"]


async def test_too_many_values_are_refused_before_anything_is_read(
    fleet: Served, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.api.question.VALUES_MAX", 500)

    problem = await ask(fleet, start, 400, process="*", max_points=100)

    assert "6 series of 1 metrics at 100 points are 600 values" in problem["detail"]
