"""One grid for each interval; nobody's ticks move because somebody came."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics import runtime
from robometrics.publisher.schedule import NEVER_NS, Schedule, next_tick_ns
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.requests import Plan

MS = 1_000_000


def watch(watchlist: Watchlist, name: str, interval_ns: int | None) -> Target:
    registration = Registration(
        name=name,
        pid=os.getpid(),
        start_ticks=runtime.start_ticks(os.getpid()) or 0,
        boot_id="boot",
        plan=Plan(interval_ns=interval_ns),
    )
    return watchlist.add(registration)[0]


def members(schedule: Schedule) -> dict[int, list[str]]:
    return {
        grid.interval_ns: [each.registration.name for each in grid.targets]
        for grid in schedule.grids
    }


def test_processes_are_sorted_by_interval_the_finest_first() -> None:
    watchlist = Watchlist("robot", 10, interval_ns=100 * MS)
    for name, interval_ns in (("a", None), ("b", 5_000 * MS), ("c", MS), ("d", None)):
        watch(watchlist, name, interval_ns)
    schedule = Schedule()
    schedule.follow(watchlist.snapshot, 0)
    assert {MS: ["c"], 100 * MS: ["a", "d"], 5_000 * MS: ["b"]} == members(schedule)
    assert MS == schedule.due_ns


def test_a_change_of_interval_moves_one_and_leaves_the_others_grid() -> None:
    watchlist = Watchlist("robot", 10, interval_ns=100 * MS)
    first = watch(watchlist, "a", None)
    watch(watchlist, "b", None)
    schedule = Schedule()
    schedule.follow(watchlist.snapshot, 0)
    schedule.grids[0].due_ns = 700 * MS

    watchlist.set_interval(first, 10 * MS)
    schedule.follow(watchlist.snapshot, 650 * MS)
    assert {10 * MS: ["a"], 100 * MS: ["b"]} == members(schedule)
    assert [660 * MS, 700 * MS] == [grid.due_ns for grid in schedule.grids]


def test_nobody_watched_is_never_due() -> None:
    watchlist = Watchlist("robot", 10)
    target = watch(watchlist, "a", MS)
    schedule = Schedule()
    assert NEVER_NS == schedule.due_ns
    schedule.follow(watchlist.snapshot, 0)
    watchlist.remove(target)
    schedule.follow(watchlist.snapshot, 0)
    assert NEVER_NS == schedule.due_ns


def test_a_change_is_told() -> None:
    watchlist = Watchlist("robot", 10)
    told: list[int] = []
    watchlist.on_change = lambda: told.append(len(watchlist.snapshot))
    target = watch(watchlist, "a", None)
    watchlist.set_interval(target, MS)
    watchlist.set_interval(target, MS)
    watchlist.remove(target)
    assert [1, 1, 0] == told


@given(st.integers(0, 2**62), st.integers(MS, 60_000 * MS))
def test_the_next_tick_is_the_first_multiple_after_now(
    now_ns: int, interval_ns: int
) -> None:
    tick_ns = next_tick_ns(now_ns, interval_ns)
    assert 0 == tick_ns % interval_ns
    assert now_ns < tick_ns <= now_ns + interval_ns


@pytest.mark.parametrize("now_ns", [5 * MS, 10**18])
def test_after_a_step_all_grids_begin_anew(now_ns: int) -> None:
    watchlist = Watchlist("robot", 10)
    watch(watchlist, "a", MS)
    watch(watchlist, "b", 7 * MS)
    schedule = Schedule()
    schedule.follow(watchlist.snapshot, 10**9)
    schedule.restart(now_ns)
    assert [next_tick_ns(now_ns, MS), next_tick_ns(now_ns, 7 * MS)] == [
        grid.due_ns for grid in schedule.grids
    ]
