"""A table with a cursor, of which only the lines that are seen are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from robometrics.top.columns import GAP, Column, Placed, fit, present
from robometrics.top.rows import Row
from robometrics.top.series import SeriesId
from robometrics.top.text import fitted

R = TypeVar("R", bound=Row)

_HEAD = Style(bold=True, underline=True)
_CURSOR = Style(reverse=True)
_BY_STATE = {
    "stale": Style(color="yellow"),
    "offline": Style(dim=True),
    "exited": Style(dim=True),
}
_PLAIN = Style()
_DOUBLE = 2


class Grid(ScrollView, Generic[R], can_focus=True):
    """Rows, of which one is under the cursor.

    The cursor stays with its row wherever that is sorted to; on the first line it stays
    there, so that it shows who leads.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move_page(-1)", show=False),
        Binding("pagedown", "move_page(1)", show=False),
        Binding("home", "move_to(0)", show=False),
        Binding("end", "move_to(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]
    DEFAULT_CSS = "Grid { overflow-x: hidden; scrollbar-size-vertical: 1; }"

    class Chosen(Message):
        """Somebody wants to know more of a row."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class HeadClicked(Message):
        """Somebody wants the rows by this column."""

        def __init__(self, grid: Grid[Any], column: str) -> None:
            super().__init__()
            self.grid = grid
            self.column = column

    def __init__(self, columns: Sequence[Column[R]], *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = columns
        self._rows: Sequence[R] = ()
        self._placed: list[Placed] = []
        self._sorted_by = ""
        self._mark = ""
        self._cursor = 0

    @property
    def current(self) -> R | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def _width(self) -> int:
        """Cells of a line, beside the scroll bar."""
        return self.scrollable_content_region.width

    def show(
        self, rows: Sequence[R], sorted_by: Column[R], *, is_inverted: bool
    ) -> None:
        """Replace the rows."""
        before, was_seen = self.current, self._sees_cursor()
        self._rows = rows
        self._sorted_by = sorted_by.name
        self._mark = "▲" if sorted_by.is_number == is_inverted else "▼"
        if self._cursor and before is not None:
            self._cursor = self._index_of(before.id, self._cursor)
        self._place()
        self.virtual_size = Size(self._width, len(rows) + 1)
        if was_seen:
            self._follow_cursor()
        self.refresh()

    def _sees_cursor(self) -> bool:
        """Tell whether the cursor is in sight: a wheel may have turned it away."""
        return 0 <= self._cursor - self.scroll_offset.y < max(1, self.size.height - 1)

    def _index_of(self, wanted: SeriesId, otherwise: int) -> int:
        for index, row in enumerate(self._rows):
            if row.id == wanted:
                return index
        return min(otherwise, max(0, len(self._rows) - 1))

    def _place(self) -> None:
        there = present(self._columns, self._rows)
        self._placed = fit(there, self._rows, self._width, self._sorted_by)

    def on_resize(self) -> None:
        self._place()
        self._follow_cursor()

    def render_line(self, y: int) -> Strip:
        """Return a line of the widget: the head, or one of the rows below it."""
        width = self._width
        if y == 0:
            return self._head(width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._rows):
            return Strip.blank(width)
        row = self._rows[index]
        is_current = index == self._cursor and self.has_focus
        style = _CURSOR if is_current else _BY_STATE.get(row.state, _PLAIN)
        segments = []
        for column, cells in self._placed:
            text = fitted(column.text(row, cells), cells, is_number=column.is_number)
            has_own = column.style and not is_current
            own = style + Style.parse(column.style) if has_own else style
            segments += [Segment(text, own), Segment(" " * GAP, style)]
        return Strip(segments).adjust_cell_length(width, style)

    def _head(self, width: int) -> Strip:
        titles = []
        for column, cells in self._placed:
            mark = self._mark if column.name == self._sorted_by else ""
            titles.append(
                fitted(mark + column.title, cells, is_number=column.is_number)
            )
        line = (" " * GAP).join(titles)
        return Strip([Segment(fitted(line, width), _HEAD)], width)

    def action_move(self, lines: int) -> None:
        self._move_to(self._cursor + lines)

    def action_move_page(self, pages: int) -> None:
        self._move_to(self._cursor + pages * max(1, self.size.height - 2))

    def action_move_to(self, index: int) -> None:
        self._move_to(index if index >= 0 else len(self._rows) - 1)

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen(self.current))

    def find(self, words: str, *, is_next: bool) -> bool:
        """Move to a row whose name has *words*, from here on; tell if there is one."""
        count = len(self._rows)
        first = self._cursor + is_next
        for index in (each % count for each in range(first, first + count)):
            if words.lower() in self._rows[index].label.lower():
                self._move_to(index)
                return True
        return False

    def _move_to(self, index: int) -> None:
        self._cursor = max(0, min(index, len(self._rows) - 1))
        self._follow_cursor()
        self.refresh()

    def _follow_cursor(self) -> None:
        """Scroll as little as brings the cursor into sight."""
        seen = max(1, self.size.height - 1)
        first = min(self._cursor, max(self._cursor - seen + 1, self.scroll_offset.y))
        if first != self.scroll_offset.y:
            self.scroll_to(y=first, animate=False, force=True, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """Sort by the head that was clicked, or go to the row; twice: choose it."""
        if event.y == 0:
            left = 0
            for column, cells in self._placed:
                if left <= event.x < left + cells and column.sort is not None:
                    self.post_message(self.HeadClicked(self, column.name))
                left += cells + GAP
            return
        index = event.y - 1 + self.scroll_offset.y
        if index < len(self._rows):
            self._move_to(index)
            if event.chain == _DOUBLE:
                self.action_choose()
