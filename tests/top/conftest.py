"""A served fleet, and the terminal that shows it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from api.conftest import Served, serving
from builders import host_batch, process_batch
from textual.pilot import Pilot
from waiting import eventually

from robometrics.broker import Link
from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store import Store
from robometrics.top.app import Top


@pytest.fixture
async def served(link: Link, store: Store) -> AsyncIterator[Served]:
    async with serving(link, store) as found:
        yield found


@pytest.fixture
def now() -> int:
    return int(time.time())


def using(slot: int, percent: float, name: str = "planner", **changes: Any) -> AnyBatch:
    """Return a second in which a process used that much of a core."""
    values: dict[str, Any] = {
        "process": name,
        "slot": slot,
        "interval_ns": NS_PER_SECOND,
        "offset_ns": [0],
        "metrics": {
            "cpu_time_ns": [int(percent * 1e7)],
            "memory_rss_bytes": [123 << 20],
            "thread_count": [7],
        },
        "previous": Previous(offset_ns=-NS_PER_SECOND, counters={"cpu_time_ns": 0}),
    }
    return process_batch(**values | changes)


def busy(slot: int, **changes: Any) -> AnyBatch:
    """Return a second of a host of four cores, of which two were busy."""
    values: dict[str, Any] = {
        "slot": slot,
        "metrics": {
            "cpu_time_ns": [2 * NS_PER_SECOND],
            "cpu_count": [4],
            "memory_used_bytes": [8 << 30],
            "memory_total_bytes": [32 << 30],
        },
        "previous": Previous(offset_ns=-NS_PER_SECOND, counters={"cpu_time_ns": 0}),
    }
    return host_batch(**values | changes)


class Terminal:
    """A running ``robometrics top``, and what can be read on it."""

    def __init__(self, app: Top, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def line_of(self, words: str) -> str:
        """Return the lowest line with *words*, empty if there is none."""
        return next((line for line in reversed(self.lines) if words in line), "")

    async def shows(self, *words: str) -> None:
        """Wait until all *words* can be read."""
        try:
            await eventually(lambda: all(each in self.text for each in words))
        except AssertionError:
            pytest.fail(f"not all of {words} can be read:\n{self.text}")

    async def shows_no(self, words: str) -> None:
        await eventually(lambda: words not in self.text)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def click(self, widget: str, x: int, y: int, *, times: int = 1) -> None:
        """Click a cell of a widget, once that is where it will stay."""
        await eventually(lambda: self.pilot.click(widget, offset=(x, y), times=times))


@asynccontextmanager
async def terminal(
    url: str, *, width: int = 120, height: int = 30, **options: Any
) -> AsyncIterator[Terminal]:
    """Run the application in a terminal of that size."""
    app = Top(url, **options)
    async with app.run_test(size=(width, height)) as pilot:
        yield Terminal(app, pilot)
