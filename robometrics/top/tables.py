"""Both tables, and the keys that say how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from robometrics.top import host_table, process_table
from robometrics.top.columns import Column, named, sortable
from robometrics.top.dialogs import Chooser
from robometrics.top.grid import Grid
from robometrics.top.lines import view_line
from robometrics.top.model import Rows
from robometrics.top.prompt import Prompt, Purpose
from robometrics.top.series import SeriesId
from robometrics.top.view import HostView, ProcessView


class _Table(NamedTuple):
    """A table, and how it is shown."""

    grid: Grid[Any]
    view: Any
    columns: Sequence[Column[Any]]


class Tables(Vertical):
    """Hosts above, processes below.

    Args:
        sort: Name of the column that processes are sorted by at first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3,slash", "ask('search')", "Search", key_display="F3"),
        Binding("f4,backslash", "ask('filter')", "Filter", key_display="F4"),
        Binding("f5,t", "tree", "Tree", key_display="F5"),
        Binding("f6", "choose_column", "Sort", key_display="F6"),
        Binding("u,h", "choose_host", "Host", key_display="u"),
        Binding("less_than_sign", "step_column(-1)", show=False),
        Binding("greater_than_sign", "step_column(1)", show=False),
        Binding("P", "sort('cpu')", show=False),
        Binding("M", "sort('memory')", show=False),
        Binding("T", "sort('time')", show=False),
        Binding("I", "invert", show=False),
        Binding("g", "gpus", show=False),
        Binding("x", "show_all", show=False),
        Binding("minus", "fold", show=False),
        Binding("plus,equals_sign", "unfold", show=False),
        Binding("escape", "clear", show=False),
    ]
    DEFAULT_CSS = """
    Tables { height: 1fr; }
    #view { height: 1; }
    #hosts { height: auto; max-height: 35%; margin-bottom: 1; }
    #processes { height: 1fr; }
    """

    def __init__(self, sort: str) -> None:
        super().__init__()
        self._rows: Rows | None = None
        self._is_paused = False
        self._view = ProcessView(column=named(process_table.COLUMNS, sort))
        self._host_view = HostView()
        self._line = Static(id="view")
        self._hosts = _Table(
            Grid(host_table.COLUMNS, id="hosts"), self._host_view, host_table.COLUMNS
        )
        self._processes = _Table(
            Grid(process_table.COLUMNS, id="processes"),
            self._view,
            process_table.COLUMNS,
        )
        self._prompt = Prompt()

    def compose(self) -> ComposeResult:
        yield self._line
        yield self._hosts.grid
        yield self._processes.grid
        yield self._prompt

    def focus_rows(self) -> None:
        """Have the keys go to the processes."""
        self._processes.grid.focus()

    def show(self, rows: Rows, *, is_paused: bool) -> None:
        """Show *rows*, as they are wanted."""
        self._rows, self._is_paused = rows, is_paused
        hosts, processes = self._host_view.rows(rows), self._view.rows(rows)
        for table, found in ((self._hosts, hosts), (self._processes, processes)):
            view = table.view
            table.grid.show(found, view.column, is_inverted=view.is_inverted)
        self._line.update(
            view_line(rows, len(processes), self._view, is_paused=is_paused),
            layout=False,
        )

    def _show(self) -> None:
        """Show the same in another way."""
        if self._rows is not None:
            self.show(self._rows, is_paused=self._is_paused)

    @property
    def _focused(self) -> _Table:
        """The table that keys are for."""
        return self._hosts if self._hosts.grid.has_focus else self._processes

    def action_tree(self) -> None:
        self._view.is_tree = not self._view.is_tree
        self._show()

    def action_fold(self) -> None:
        self._fold(self._view.folded.add)

    def action_unfold(self) -> None:
        self._fold(self._view.folded.discard)

    def _fold(self, change: Callable[[SeriesId], None]) -> None:
        row = self._processes.grid.current
        if row is not None:
            change(row.id)
            self._show()

    def action_gpus(self) -> None:
        self._host_view.has_gpus = not self._host_view.has_gpus
        self._show()

    def action_show_all(self) -> None:
        self._view.shows_all = not self._view.shows_all
        self._show()

    def action_invert(self) -> None:
        self._focused.view.is_inverted = not self._focused.view.is_inverted
        self._show()

    def action_sort(self, name: str) -> None:
        self._sort(self._processes if name == "time" else self._focused, name)

    def action_step_column(self, step: int) -> None:
        table = self._focused
        names = [column.name for column in sortable(table.columns)]
        index = names.index(table.view.column.name) + step
        self._sort(table, names[index % len(names)])

    def action_choose_column(self) -> None:
        table = self._focused
        columns = sortable(table.columns)
        options = [f"{column.title:10}  {column.about}" for column in columns]

        def chosen(index: int | None) -> None:
            if index is not None:
                self._sort(table, columns[index].name)

        now = columns.index(table.view.column)
        self.app.push_screen(Chooser("sort by", options, now), chosen)

    def _sort(self, table: _Table, name: str) -> None:
        table.view.column = named(table.columns, name)
        table.view.is_inverted = False
        self._show()

    def action_choose_host(self) -> None:
        heads = self._rows.heads if self._rows else []

        def chosen(index: int | None) -> None:
            if index is not None:
                self._only(heads[index - 1].id.host if index else None)

        options = ["all hosts", *(row.label for row in heads)]
        self.app.push_screen(Chooser("processes of", options), chosen)

    def action_clear(self) -> None:
        """Show everything again."""
        self._view.words = ""
        self._only(None)

    def _only(self, host: str | None) -> None:
        """Show the processes of one host, or of all."""
        self._view.host = host
        self.focus_rows()
        self._show()

    def action_ask(self, purpose: Purpose) -> None:
        """Have something typed in; if that is under way, go on to the next match."""
        if self._prompt.display and purpose == self._prompt.purpose == "search":
            self._processes.grid.find(self._prompt.value, is_next=True)
        else:
            words = self._view.words if purpose == "filter" else ""
            self._prompt.open(purpose, words)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._prompt.purpose == "search":
            self._processes.grid.find(event.value, is_next=False)
        else:
            self._view.words = event.value
            self._show()

    def on_input_submitted(self) -> None:
        self._prompt.close()
        self.focus_rows()

    def on_prompt_given_up(self) -> None:
        self._prompt.close()
        if self._prompt.purpose == "filter":
            self._view.words = ""
            self._show()
        self.focus_rows()

    def on_grid_head_clicked(self, event: Grid.HeadClicked) -> None:
        table = self._hosts if event.grid is self._hosts.grid else self._processes
        if table.view.column.name == event.column:
            table.view.is_inverted = not table.view.is_inverted
            self._show()
        else:
            self._sort(table, event.column)

    def on_grid_chosen(self, event: Grid.Chosen) -> None:
        """Show the processes of a host; those of a process are for the others."""
        if event.row.id.kind != "process":
            event.stop()
            self._only(event.row.id.host)
