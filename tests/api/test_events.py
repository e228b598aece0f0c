"""What happened is told newest first, in words, and to whom it concerns."""

from __future__ import annotations

import time
from typing import Any

import pytest
from builders import SLOT, event, gap, host_batch

from robometrics.api.events import text_of
from robometrics.schema import GAP_CAUSES, Event

from .conftest import Served

SECOND = 1_000_000_000
RANGE = {"from": SLOT, "to": SLOT + 1_000}


def happened(second: float, kind: str, **more: Any) -> Event:
    at_ns = SLOT * SECOND + round(second * SECOND)
    values: dict[str, Any] = {"id": f"e-{kind[0]}-{at_ns}", "event": kind}
    return event(at_ns=at_ns, **values | more)


def of(process: str, second: float, kind: str, **more: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"{process}-{kind[0]}-{second:g}".replace(".", "-"),
        "process": process,
        "run": "ab12cd34-42-777",
        "pid": 42,
    }
    return happened(second, kind, **values | more)


async def record(served: Served, *events: Event) -> None:
    """Keep *events*, and make their hosts known."""
    await served.keep(*(host_batch(host=host) for host in {e.host for e in events}))
    await served.store.fleet.record(events)


async def ask(served: Served, **params: Any) -> list[dict[str, Any]]:
    answer = await served.get("events", **{"host": "robot", **RANGE, **params})
    rows: list[dict[str, Any]] = answer["events"]
    return rows


LIFE = (
    happened(0, "worker_started", reason="version 0.1"),
    of("planner", 1, "registered", command="planner --fast", tags={"team": "nav"}),
    of("planner", 2, "exited", exit_code=3),
    of("planner", 3, "exited", exit_code=-11, run="ab12cd34-43-888"),
    gap(SLOT + 4, SLOT + 6, "worker_killed", at_ns=(SLOT + 7) * SECOND, missing=3),
    happened(8, "clock_stepped", reason="-2.500 s"),
    happened(9, "worker_stopped"),
)


async def test_a_life_is_told_newest_first_and_in_words(served: Served) -> None:
    await record(served, *LIFE)
    assert [
        (9, "worker stopped"),
        (8, "clock stepped: -2.500 s"),
        (7, "the worker was killed"),
        (3, "ended by SIGSEGV"),
        (2, "exited with code 3"),
        (1, "registered"),
        (0, "worker started: version 0.1"),
    ] == [(row["at_ms"] / 1e3 - SLOT, row["text"]) for row in await ask(served)]


async def test_each_event_has_what_a_mark_needs(served: Served) -> None:
    await record(served, *LIFE)
    rows = {row["event"]: row for row in await ask(served, event=["gap", "registered"])}
    assert {"gap", "registered"} == set(rows)
    nothing = dict.fromkeys(("process", "run", "pid", "exit_code", "command"))
    assert {
        **nothing,
        "id": f"g-{SLOT + 4}-{SLOT + 6}",
        "at_ms": (SLOT + 7) * 1e3,
        "host": "robot",
        "event": "gap",
        "text": GAP_CAUSES["worker_killed"],
        "cause": "worker_killed",
        "from_ms": (SLOT + 4) * 1e3,
        "to_ms": (SLOT + 7) * 1e3,
        "missing": 3,
        "missing_samples": None,
    } == rows["gap"]
    assert ("planner", "ab12cd34-42-777", 42, "planner --fast", None) == tuple(
        rows["registered"][key] for key in ("process", "run", "pid", "command", "cause")
    )


async def test_hosts_and_processes_are_named_or_matched_as_in_a_query(
    served: Served,
) -> None:
    await record(
        served,
        happened(0, "worker_started"),
        of("arm-1", 1, "registered"),
        of("arm-2", 2, "registered"),
        of("camera", 3, "registered"),
        of("arm-1", 4, "registered", host="rover", id="r-1"),
    )
    whose = [(row["host"], row["process"]) for row in await ask(served, host="ro*")]
    assert 5 == len(whose)
    assert ("rover", "arm-1") == whose[0]

    rows = await ask(served, process="arm-*")
    # What happened to the whole host happened to its processes.
    assert ["arm-2", "arm-1", None] == [row["process"] for row in rows]
    rows = await ask(served, process=["camera"], event="registered")
    assert ["camera"] == [row["process"] for row in rows]
    rows = await ask(
        served, host=["robot", "rover"], process="arm-1", event="registered"
    )
    assert ["rover", "robot"] == [row["host"] for row in rows]


async def test_a_range_has_its_begin_and_not_its_end(served: Served) -> None:
    await record(served, *(happened(second, "clock_stepped") for second in range(5)))
    rows = await ask(served, **{"from": SLOT + 1, "to": SLOT + 3})
    assert [2, 1] == [row["at_ms"] / 1e3 - SLOT for row in rows]


async def test_all_of_many_come_page_by_page(served: Served) -> None:
    """Also where a page ends among those of one moment."""
    await record(
        served,
        *(of(f"p{n}", n // 3 / 10, "registered", id=f"p-{n}") for n in range(100)),
    )
    seen: dict[str, float] = {}
    params: dict[str, Any] = {"host": "robot", "limit": 10, **RANGE}
    more = True
    while more:
        answer = await served.get("events", **params)
        more = answer["more"]
        assert len(answer["events"]) <= 10
        fresh = {e["id"]: e["at_ms"] for e in answer["events"] if e["id"] not in seen}
        assert fresh, "a page that repeats all would never end"
        seen |= fresh
        params["to"] = (answer["events"][-1]["at_ms"] + 1) / 1e3
    assert {f"p-{n}" for n in range(100)} == set(seen)
    assert sorted(seen.values(), reverse=True) == list(seen.values())


async def test_the_default_is_the_last_day(served: Served) -> None:
    now_ns = time.time_ns()
    await record(
        served,
        happened(0, "clock_stepped"),
        event(id="recent", at_ns=now_ns - 60 * SECOND),
    )
    rows = (await served.get("events", host="robot"))["events"]
    assert ["recent"] == [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"host": "nowhere"}, 404, None),
        ({"host": "robot", "process": "nobody"}, 404, None),
        ({}, 400, "host"),
        ({"host": "robot", "limit": 5_001}, 400, "limit"),
        ({"host": "robot", "limit": 0}, 400, "limit"),
        ({"host": "robot", "event": "born"}, 400, "event"),
        ({"host": "robot", "from": "now", "to": "-1h"}, 400, "from"),
    ],
)
async def test_a_bad_question_says_what_is_wrong(
    served: Served, params: dict[str, Any], status: int, field: str | None
) -> None:
    await record(served, happened(0, "worker_started"))
    problem = await served.get("events", status, **params)
    assert [field] * bool(field) == [
        each["field"] for each in problem.get("errors", [])
    ]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (of("p", 0, "exited"), "exited"),
        (of("p", 0, "exited", exit_code=0), "exited with code 0"),
        (of("p", 0, "exited", exit_code=-9), "ended by SIGKILL"),
        (of("p", 0, "exited", exit_code=-50), "ended by signal 50"),
        (
            of("p", 0, "exited", reason="while no worker was running"),
            "exited: while no worker was running",
        ),
        (of("p", 0, "unregistered"), "unregistered"),
        (happened(0, "gap", cause="of_a_later_release"), "of_a_later_release"),
        (happened(0, "gap", cause="later", reason="because"), "because"),
        (happened(0, "gap"), "not known"),
    ],
)
def test_an_event_reads_as_people_say_it(found: Event, text: str) -> None:
    assert text == text_of(found)
