"""What is seen of one process instead of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from robometrics.top.answers import Run
from robometrics.top.details_page import page
from robometrics.top.rows import ProcessRow
from robometrics.top.series import SeriesId


class Details(VerticalScroll, can_focus=True):
    """Figures, charts and runs of one process; hidden while there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Back", key_display="Esc"),
    ]
    DEFAULT_CSS = """
    Details { display: none; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    """

    class Closed(Message):
        """Somebody has seen enough."""

    def __init__(self) -> None:
        super().__init__(id="details")
        self.series: SeriesId | None = None
        """Whose they are; ``None`` while hidden."""

        self._runs: Sequence[Run] | None = None
        self._row: ProcessRow | None = None
        self._page = Static()

    def compose(self) -> ComposeResult:
        yield self._page

    def open(self, row: ProcessRow) -> None:
        """Show *row*, its runs as soon as they are known."""
        self.series, self._runs = row.id, None
        self.show(row)
        self.display = True
        self.scroll_home(animate=False)
        self.focus()

    def show(self, row: ProcessRow) -> None:
        """Show how the process is now."""
        self._row = row
        width = self.size.width or self.app.size.width
        self._page.update(page(row, self._runs, width))

    def show_runs(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        if self._row is not None:
            self.show(self._row)

    def on_resize(self) -> None:
        if self._row is not None and self.display:
            self.show(self._row)

    def action_close(self) -> None:
        self.series = self._row = None
        self.display = False
        self.post_message(self.Closed())
