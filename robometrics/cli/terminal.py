"""How times and tables look on a terminal or in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from robometrics.cli.text import printable

if TYPE_CHECKING:
    from rich.console import Console

PIPE_COLUMNS = 1_000  # nothing is cut or wrapped that another program reads


def moment(slot: int) -> str:
    """Return a slot as people write it, in UTC."""
    return datetime.fromtimestamp(slot, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def interval(first: int, last: int) -> str:
    """Return slots, both ends included, as people write them."""
    if first == last:
        return moment(first)
    same_day = moment(first)[:10] == moment(last)[:10]
    return f"{moment(first)} to {moment(last)[11 if same_day else 0 :]}"


def console() -> Console:
    """Return standard output: as wide as the terminal, and plain in a pipe."""
    from rich.console import Console  # noqa: PLC0415  the client has no rich

    found = Console(markup=False, emoji=False, highlight=False)
    if not found.is_terminal:
        found.width = PIPE_COLUMNS
    return found


def print_table(
    out: Console, headers: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Print aligned columns: text to the left, numbers (``>`` before the header) right.

    What is not printable in a cell is replaced.
    """
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        numbers = header.startswith(">")
        table.add_column(
            header.removeprefix(">"),
            justify="right" if numbers else "left",
            no_wrap=numbers,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    out.print(table)
