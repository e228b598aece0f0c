"""The terminal's application: it wires feed, tables and details."""

from __future__ import annotations

import contextlib
import time
from typing import ClassVar

import anyio
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static
from textual.worker import WorkerError

from robometrics.errors import RoboMetricsError
from robometrics.top import lines
from robometrics.top.details import Details
from robometrics.top.dialogs import Help
from robometrics.top.feed import Feed
from robometrics.top.grid import Grid
from robometrics.top.model import Model, Rows
from robometrics.top.rest import open_rest
from robometrics.top.rows import ProcessRow
from robometrics.top.tables import Tables

DRAW_SECONDS = 0.5
_REST = 30
"""Between two drawings of a large fleet, times as long as one takes."""

_RUNS_SECONDS = 5.0


class Top(App[None]):
    """The fleet, live.

    Args:
        api_url: The server.
        token: What it is shown, if it wants to know who asks.
        host_pattern: Which hosts are of interest, as ``robot-*``.
        sort: Name of the column that processes are sorted by at first.
    """

    TITLE = "robometrics top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #connection { height: 1; }
    #empty { height: 1fr; padding: 1 2; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause", key_display="Space"),
        Binding("f1,question_mark", "help", "Help", key_display="F1"),
        Binding("f10,q,ctrl+c", "quit", "Quit", key_display="F10"),
        Binding("ctrl+z", "suspend_process", show=False),
    ]

    def __init__(
        self,
        api_url: str,
        host_pattern: str = "*",
        sort: str = "cpu",
        token: str = "",
    ) -> None:
        # The terminal's own colours, which its user chose and can read.
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self._api_url = api_url
        self._token = token
        self._model = Model(host_pattern)
        self._feed: Feed | None = None
        self._rows: Rows | None = None
        self._drawn_changes = 0
        self._rests_until = 0.0
        self._is_paused = False
        self._line = Static(id="connection")
        self._empty = Static(lines.EMPTY, id="empty", markup=False)
        self._tables = Tables(sort)
        self._details = Details()

    def compose(self) -> ComposeResult:
        yield self._line
        yield self._empty
        yield self._tables
        yield self._details
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._tables.focus_rows()
        self._keep_up()
        self.set_interval(DRAW_SECONDS, self._draw)

    async def on_unmount(self) -> None:
        """Wait until the connection is closed: workers are only told to end."""
        self.workers.cancel_all()
        for worker in list(self.workers):
            with contextlib.suppress(WorkerError):
                await worker.wait()

    @work
    async def _keep_up(self) -> None:
        async with open_rest(self._api_url, self._token) as rest:
            self._feed = Feed(self._api_url, rest, self._model, token=self._token)
            await self._feed.run()

    def _draw(self) -> None:
        """Show what has changed, unless the screen is to stand still."""
        feed = self._feed
        if feed is None:
            return
        now_ms, newest_ms = feed.now_ms(), self._model.newest_ms
        line = lines.connection_line(feed.connection, feed.pipeline, newest_ms, now_ms)
        self._line.update(line, layout=False)
        began = time.monotonic()
        has_more = feed.has_fleet and feed.changes != self._drawn_changes
        if has_more and not self._is_paused and began > self._rests_until:
            self._drawn_changes = feed.changes
            self._show(self._model.rows(now_ms))
            took = time.monotonic() - began
            self._rests_until = began + _REST * took

    def _show(self, rows: Rows) -> None:
        self._rows = rows
        series = self._details.series
        self._tables.display = bool(rows.hosts) and series is None
        self._empty.display = not rows.hosts and series is None
        if self._tables.display:
            self._tables.show(rows, is_paused=self._is_paused)
            if self.focused is None:
                self._tables.focus_rows()  # what is hidden loses it
        for row in rows.processes:
            if row.id == series:
                self._details.show(row)

    def action_help(self) -> None:
        self.push_screen(Help())

    def action_pause(self) -> None:
        """Let the screen stand still, or catch up."""
        if self._rows is None:
            return
        self._is_paused = not self._is_paused
        if self._is_paused:
            self._show(self._rows.frozen())
        else:
            self._drawn_changes, self._rests_until = -1, 0.0
            self._draw()

    def on_grid_chosen(self, event: Grid.Chosen) -> None:
        if isinstance(event.row, ProcessRow) and self._rows is not None:
            self._details.open(event.row)
            self._show(self._rows)
            self._look_at(event.row)

    def on_details_closed(self) -> None:
        self._look_at(None)
        if self._rows is not None:
            self._show(self._rows)
        self._tables.focus_rows()

    @work(exclusive=True, group="details")
    async def _look_at(self, row: ProcessRow | None) -> None:
        """Have all that is drawn of one process, and keep up with its runs."""
        feed = self._feed
        if feed is None:
            return
        await feed.pin(None if row is None else row.id)
        while row is not None:
            with contextlib.suppress(RoboMetricsError):  # the first line says so
                self._details.show_runs(await feed.rest.runs(row.id.host, row.id.name))
            await anyio.sleep(_RUNS_SECONDS)
