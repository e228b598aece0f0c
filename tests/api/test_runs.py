"""The history of a process: its runs, the newest first, with begin, end and code."""

from __future__ import annotations

import time
from typing import Any

import pytest
from builders import event, host_batch, process_batch

from .conftest import Served

SECOND = 1_000_000_000


@pytest.fixture
def now() -> int:
    return int(time.time())


async def tell(served: Served, kind: str, pid: int, at: float, **more: Any) -> None:
    values: dict[str, Any] = {
        "id": f"{kind[0]}-{pid}",
        "event": kind,
        "at_ns": round(at * SECOND),
        "process": "planner",
        "run": f"ab-{pid}-7",
        "pid": pid,
    }
    await served.store.fleet.record([event(**values | more)])


async def runs(served: Served, **params: Any) -> list[dict[str, Any]]:
    answer = await served.get("runs", host="robot", process="planner", **params)
    rows: list[dict[str, Any]] = answer["runs"]
    return rows


async def test_each_run_has_its_begin_its_end_and_how_it_ended(
    served: Served, now: int
) -> None:
    began, ended = now - 100, now - 60
    await tell(served, "registered", 1, began + 1, started_at_ns=began * SECOND)
    await served.keep(process_batch(run="ab-1-7", pid=1, slot=began + 1))
    await tell(served, "exited", 1, ended, exit_code=-9)
    await tell(served, "registered", 2, now, command="planner --fast")
    await served.keep(host_batch(slot=now), process_batch(process="other", slot=now))
    goes_on, over = await runs(served)
    assert (began * 1e3, ended * 1e3, "exited", -9) == tuple(
        over[key] for key in ("started_ms", "ended_ms", "end", "exit_code")
    )
    assert ("planner --fast", None, None) == tuple(
        goes_on[key] for key in ("command", "ended_ms", "end")
    )


async def test_a_run_is_the_newest_before_its_first_batch_is_noted(
    served: Served, now: int
) -> None:
    """That takes seconds, and who shows the last few runs would not see it at all."""
    for pid in range(1, 6):
        await served.keep(
            process_batch(run=f"ab-{pid}-7", pid=pid, slot=now - 60 + pid)
        )
    await served.keep(host_batch(slot=now))
    await tell(served, "registered", 6, now)
    assert [6, 5, 4] == [row["pid"] for row in await runs(served, limit=3)]


async def test_those_that_came_and_went_in_one_second_are_in_order(
    served: Served, now: int
) -> None:
    await served.keep(host_batch(slot=now))
    for pid in (3, 1, 2):
        await tell(served, "registered", pid, now + pid / 10)
        await tell(served, "exited", pid, now + pid / 10 + 0.05, exit_code=1)
    assert [3, 2, 1] == [row["pid"] for row in await runs(served)]
