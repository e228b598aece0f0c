"""The fleet as plain tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from robometrics.cli.terminal import console, print_table
from robometrics.errors import BadRequestError
from robometrics.top import host_table, lines, process_table
from robometrics.top.columns import Column, named, present, sortable
from robometrics.top.once import Found
from robometrics.top.rows import ProcessRow
from robometrics.top.text import NO_VALUE
from robometrics.top.view import HostView, ProcessView


def sorted_by(name: str) -> Column[ProcessRow]:
    """Return the column of processes called *name*.

    Raises:
        BadRequestError: There is none.
    """
    names = [column.name for column in sortable(process_table.COLUMNS)]
    if name not in names:
        raise BadRequestError("--sort", f"{name!r}; choose from {', '.join(names)}")
    return named(process_table.COLUMNS, name)


def print_once(found: Found, column: Column[ProcessRow]) -> None:
    """Print hosts with their GPUs, and processes by *column*."""
    out = console()
    rows = found.rows
    if not rows.hosts:
        out.print(lines.EMPTY.rstrip())
        return
    hosts, processes = HostView().rows(rows), ProcessView(column=column).rows(rows)
    out.print(lines.summary(rows, found.pipeline))
    _print(out, host_table.COLUMNS, hosts)
    _print(out, process_table.COLUMNS, processes)


def _print(out: Console, columns: Sequence[Column[Any]], rows: Sequence[Any]) -> None:
    chosen = [each for each in present(columns, rows) if each.sort is not None]
    out.print()
    print_table(
        out,
        [">" * each.is_number + each.title for each in chosen],
        [[each.text(row, 0) or NO_VALUE for each in chosen] for row in rows],
    )
