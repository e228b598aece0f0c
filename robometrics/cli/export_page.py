"""How an export goes, on standard error: moving on a terminal, else line by line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from robometrics.cli.text import size

LINE_SECONDS = 5.0


class Shown:
    """What has come so far."""

    def __init__(self, draw: Callable[[str], object] | None = None) -> None:
        self.received_bytes = 0
        self._began = self._said = time.monotonic()
        self._draw = draw

    def __str__(self) -> str:
        seconds = time.monotonic() - self._began
        rate = self.received_bytes / max(seconds, 0.001)
        received = size(self.received_bytes)
        return f"{received} in {seconds:.1f} s ({size(round(rate))}/s)"

    def add(self, count: int) -> None:
        """Show that *count* bytes more have come."""
        self.received_bytes += count
        if self._draw is not None:
            self._draw(str(self))
        elif time.monotonic() - self._said > LINE_SECONDS:
            self._said = time.monotonic()
            print(self, file=sys.stderr, flush=True)


@contextmanager
def shown() -> Iterator[Shown]:
    """Yield what shows the progress."""
    try:
        from rich.console import Console  # noqa: PLC0415  the client has no rich
    except ModuleNotFoundError:
        yield Shown()
        return
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield Shown()
        return
    with console.status("waiting for the server") as status:
        yield Shown(status.update)
