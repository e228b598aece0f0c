"""The line in which one types what to search or to filter for."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

Purpose = Literal["search", "filter"]
_LENGTH_MAX = 200


class Prompt(Input):
    """Hidden until it is needed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("up,down,tab", "screen.focus_next", show=False),
    ]
    DEFAULT_CSS = "Prompt { display: none; dock: bottom; height: 1; }"

    class GivenUp(Message):
        """Escape was pressed."""

    def __init__(self) -> None:
        super().__init__(id="prompt", compact=True, max_length=_LENGTH_MAX)
        self.purpose: Purpose = "search"

    def open(self, purpose: Purpose, words: str) -> None:
        """Ask for words."""
        self.purpose = purpose
        self.placeholder = f"{purpose}: a part of a name"
        with self.prevent(Input.Changed):
            self.value = words
        self.display = True
        self.focus()

    def close(self) -> None:
        self.display = False

    def action_give_up(self) -> None:
        self.post_message(self.GivenUp())
