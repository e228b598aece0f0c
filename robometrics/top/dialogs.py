"""Dialogs: a list to choose from, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

KEYS = """\
 arrows    move, as do PgUp, PgDn, Home and End; Tab: the other table
 Enter     a process: its details; a host: only its processes
 F3 /      search a name; F3 again: the next one
 F4 \\      filter by host, name, pid, tag or command; a|b: either
 F5 t      tree: hosts, processes, what those started; - + fold, unfold
 F6 < >    sort by a column; by the one before or after
 P M T     sort by CPU, memory, CPU time
 I         the other way round
 u h       only the processes of one host
 g x       GPUs, or not; what was long not seen, too, or not
 Space     pause: the screen stands still, samples come in
 Esc       show everything again
 F10 q     quit

 CPU%      of a process: 100 is one core; of a host: all of its cores
 ▂▅▇       use by second, up to the peak among them (hosts: to 100 %);
           a space: there was no sample
 -         not known
"""


class Chooser(ModalScreen[int | None]):
    """A list; it ends with the index of what was chosen, ``None`` if nothing was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f10", "dismiss", "Back", show=False)
    ]
    CSS = """
    Chooser { align: left middle; }
    OptionList { width: 76; max-width: 100%; height: auto; max-height: 80%;
        border: solid ansi_default; }
    """

    def __init__(self, title: str, options: Sequence[str], chosen: int = 0) -> None:
        super().__init__()
        self._title = title
        self._options = options
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        listing = OptionList(*self._options, markup=False)
        listing.border_title = self._title
        yield listing

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self._chosen

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)


class Help(ModalScreen[None]):
    """The keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,f10,question_mark,enter", "dismiss", "Back", show=False)
    ]
    CSS = """
    Help { align: center middle; }
    #keys { width: 74; max-width: 100%; height: auto; max-height: 100%;
        border: solid ansi_default; }
    """

    def compose(self) -> ComposeResult:
        box = VerticalScroll(Static(KEYS, markup=False), id="keys")
        box.border_title = "robometrics top"
        yield box
