"""Which processes are shown, and as what tree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.top.answers import Process
from robometrics.top.model import Model, Rows
from robometrics.top.rows import ProcessRow
from robometrics.top.series import SeriesId
from robometrics.top.view import RECENT_SECONDS, HostView, ProcessView

from .fleets import NOW_MS, fleet, gpu, host, process

LONG_AGO_MS = NOW_MS - RECENT_SECONDS * 1_000 - 1


def rows_of(*found: Any) -> Rows:
    model = Model()
    model.update(fleet(*found))
    return model.rows(NOW_MS)


def names(rows: list[ProcessRow]) -> list[str]:
    return [row.label for row in rows]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["camera", "planner"]),
        ("PLAN", ["planner"]),
        ("cam|plan", ["camera", "planner"]),
        ("cam|", ["camera"]),
        ("team=vision", ["camera"]),
        ("--fast", ["planner"]),
        ("robot-1", ["camera"]),
        ("4711", ["camera"]),
        ("[", []),
    ],
)
def test_a_filter_looks_at_all_that_names_a_process(
    words: str, expected: list[str]
) -> None:
    camera = process(
        "camera", host="robot-1", tags={"team": "vision"}, pid=4711, command="cam"
    )
    rows = rows_of(host(), host("robot-1"), process(), camera)
    view = ProcessView(words=words)
    assert expected == sorted(names(view.rows(rows)))


def test_one_host_can_be_chosen() -> None:
    rows = rows_of(host(), process(), process("other", host="robot-1"))
    assert ["other"] == names(ProcessView(host="robot-1").rows(rows))


def test_what_ended_long_ago_is_shown_on_demand() -> None:
    rows = rows_of(
        host(),
        process("runs"),
        process("ended", state="exited"),
        process("forgotten", state="exited", last_seen_ms=LONG_AGO_MS),
        process("lost", state="stale", last_seen_ms=LONG_AGO_MS),
    )
    assert ["ended", "runs"] == names(ProcessView().rows(rows))
    assert 4 == len(ProcessView(shows_all=True).rows(rows))


def test_a_tree_has_hosts_processes_and_what_those_started() -> None:
    found = ("nav", "nav.planner", "nav.planner.sh", "nav2", "vision.sh")
    rows = rows_of(host(), *(process(name) for name in found))
    lines = [row.prefix + row.label for row in ProcessView(is_tree=True).rows(rows)]
    assert [
        "robot",
        "├ nav",
        "│ └ nav.planner",
        "│   └ nav.planner.sh",
        "├ nav2",
        "└ vision.sh",
    ] == lines


def test_a_folded_branch_hides_what_is_below_it() -> None:
    rows = rows_of(host(), process("a"), process("a.b"), process("c"))
    folded = {SeriesId("robot", "process", "a"), SeriesId("robot", "process", "c")}
    shown = ProcessView(is_tree=True, folded=folded).rows(rows)
    assert ["robot", "├ + a", "└ c"] == [row.prefix + row.label for row in shown]


NAMES = st.lists(
    st.lists(st.sampled_from("ab.c"), min_size=1, max_size=8).map("".join),
    unique=True,
    max_size=12,
)


@given(NAMES, st.booleans())
def test_a_tree_has_every_process_once_and_after_its_parents(
    found: list[str], has_host: bool
) -> None:
    processes: list[Process] = [process(name) for name in found]
    rows = rows_of(*([host()] if has_host else []), *processes)
    shown = ProcessView(is_tree=True).rows(rows)
    labels = [row.label for row in shown if row.id.kind == "process"]
    assert sorted(found) == sorted(labels)
    for index, name in enumerate(labels):
        for parent in found:
            if name.startswith(f"{parent}."):
                assert labels.index(parent) < index


def test_gpus_stay_below_their_host_or_are_hidden() -> None:
    rows = rows_of(host("b"), host("a"), gpu(0, host="b"), gpu(1, host="b"))
    shown = HostView().rows(rows)
    assert ["a", "b", "GPU 0 Stand-in", "GPU 1 Stand-in"] == [r.label for r in shown]
    assert ["a", "b"] == [row.label for row in HostView(has_gpus=False).rows(rows)]
