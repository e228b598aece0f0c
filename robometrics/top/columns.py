"""Columns: which there are, which of them fit, and rows by what is in them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from rich.cells import cell_len

from robometrics.top.rows import Row

R = TypeVar("R", bound=Row)
GAP = 1
"""Cells between two columns."""


class Column(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """One column."""

    name: str
    """What ``--sort`` and the list of columns call it."""

    title: str
    about: str
    width: int
    """Cells it needs."""

    rank: int
    """On a narrow terminal those of a high rank go first."""

    text: Callable[[R, int], str]
    """Of a row, for so many cells."""

    sort: Callable[[R], Any] | None = None
    """By what rows are sorted, where a value may be ``None``: not known."""

    is_number: bool = True
    """Aligned to the right, and sorted from the greatest on."""

    is_optional: bool = False
    """Left out while no row has a value."""

    width_max: int = 0
    """Cells it may have beyond that: those that its longest text takes, or a drawing,
    which is not sorted by, all there are."""

    style: str = ""


class Placed(NamedTuple):
    """A column with the cells it was given."""

    column: Column[Any]
    width: int


def fit(
    columns: Sequence[Column[R]], rows: Sequence[R], width: int, keep: str = ""
) -> list[Placed]:
    """Return the columns that have room in *width* cells, and how wide they are.

    Args:
        columns: All there are, in their order.
        rows: What is shown in them.
        width: Cells of a line.
        keep: Name of the one that rows are sorted by: it is shown as long as any.
    """
    chosen: dict[str, int] = {}
    room = width + GAP  # there is none behind the last
    by_rank = sorted(columns, key=lambda each: 0.5 if each.name == keep else each.rank)
    for each in by_rank:
        if not chosen or each.width + GAP <= room:
            chosen[each.name] = each.width
            room -= each.width + GAP
    for each in by_rank:
        if each.name in chosen and room > 0:
            more = max(0, min(room, _useful(each, rows) - each.width))
            chosen[each.name] += more
            room -= more
    return [
        Placed(each, min(chosen[each.name], width))
        for each in columns
        if each.name in chosen
    ]


def _useful(column: Column[R], rows: Sequence[R]) -> int:
    """Return how many cells *column* can make use of."""
    if not column.width_max or column.sort is None:
        return column.width_max
    longest = max((cell_len(column.text(row, 0)) for row in rows), default=0)
    return min(column.width_max, longest)


def present(columns: Sequence[Column[R]], rows: Sequence[R]) -> list[Column[R]]:
    """Return *columns* but those that no row has a value for."""
    return [
        each
        for each in columns
        if not each.is_optional
        or each.sort is None
        or any(each.sort(row) is not None for row in rows)
    ]


def ordered(rows: Sequence[R], column: Column[R], *, is_inverted: bool) -> list[R]:
    """Return *rows* by *column*; what is not known comes last, either way round.

    Equals stay in the order in which they come.
    """
    if column.sort is None:
        return [*rows]
    known: list[tuple[Any, R]] = []
    unknown: list[R] = []
    for row in rows:
        key = column.sort(row)
        if key is None:
            unknown.append(row)
        else:
            known.append((key, row))
    known.sort(key=_first, reverse=column.is_number != is_inverted)
    return [row for _, row in known] + unknown


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def named(columns: Sequence[Column[R]], name: str) -> Column[R]:
    """Return the column of that name, which is one of ``sortable``."""
    return next(each for each in columns if each.name == name)


def sortable(columns: Sequence[Column[R]]) -> list[Column[R]]:
    return [each for each in columns if each.sort is not None]
