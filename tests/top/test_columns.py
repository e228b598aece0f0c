"""Columns: those that fit, rows in their order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.top import host_table, process_table
from robometrics.top.columns import (
    GAP,
    Column,
    fit,
    named,
    ordered,
    present,
    sortable,
)
from robometrics.top.rows import ProcessRow
from robometrics.top.series import SeriesId

TABLES = pytest.mark.parametrize("columns", [host_table.COLUMNS, process_table.COLUMNS])


def row(name: str, host: str = "robot", **values: Any) -> ProcessRow:
    return ProcessRow(
        id=SeriesId(host, "process", name), label=name, state="running", values=values
    )


@TABLES
@given(width=st.integers(1, 400), data=st.data())
def test_a_line_is_never_wider_than_the_terminal(
    columns: tuple[Column[Any], ...], width: int, data: st.DataObject
) -> None:
    keep = data.draw(st.sampled_from([each.name for each in sortable(columns)]))
    placed = fit(columns, [], width, keep)
    assert sum(each.width + GAP for each in placed) - GAP <= width
    in_order = [each.name for each in columns]
    shown = [each.column.name for each in placed]
    assert sorted(shown, key=in_order.index) == shown
    if width >= 60:
        assert keep in shown


@TABLES
def test_every_title_has_room_for_the_mark_of_order(
    columns: tuple[Column[Any], ...],
) -> None:
    assert [] == [
        each.name for each in columns if each.sort and len(each.title) >= each.width
    ]


def test_eighty_cells_show_what_matters_most() -> None:
    there = present(process_table.COLUMNS, [row("a")])
    shown = [placed.column.name for placed in fit(there, [row("a")], 79, "cpu")]
    assert {"host", "name", "pid", "state", "cpu", "trail", "memory"} <= set(shown)


def test_a_name_gets_the_room_it_takes_and_no_more() -> None:
    def widths(*rows: ProcessRow) -> dict[str, int]:
        placed = fit(process_table.COLUMNS, rows, 200, "cpu")
        return {each.column.name: each.width for each in placed}

    short, long = widths(row("a")), widths(row("a"), row("n" * 50))
    assert (15, 50) == (short["name"], long["name"])
    assert short["trail"] > long["trail"]


def test_a_column_without_any_value_is_left_out() -> None:
    names = [each.name for each in present(process_table.COLUMNS, [row("a")])]
    assert "gpu" not in names
    rows = [row("a"), row("b", gpu_utilization_percent=0)]
    assert "gpu" in [each.name for each in present(process_table.COLUMNS, rows)]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.none() | st.floats(0, 100)),
        unique_by=lambda pair: pair[0],
    ),
    st.booleans(),
)
def test_what_is_not_known_comes_last_either_way_round(
    found: list[tuple[int, float | None]], is_inverted: bool
) -> None:
    rows = [
        row(f"p{i}", **({} if cpu is None else {"cpu_percent": cpu}))
        for i, cpu in found
    ]
    by_cpu = ordered(rows, named(process_table.COLUMNS, "cpu"), is_inverted=is_inverted)
    shown = [each.values.get("cpu_percent") for each in by_cpu]
    known = [each for each in shown if each is not None]
    assert sorted(known, reverse=not is_inverted) == known
    assert [*known, *[None] * (len(shown) - len(known))] == shown


@pytest.mark.parametrize("is_inverted", [False, True])
def test_equals_stay_in_the_order_they_come_in(is_inverted: bool) -> None:
    rows = [row(name, cpu_percent=1) for name in "bac"]
    by_cpu = ordered(rows, named(process_table.COLUMNS, "cpu"), is_inverted=is_inverted)
    assert ["b", "a", "c"] == [each.label for each in by_cpu]
