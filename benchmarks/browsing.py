"""A page in a browser of its own, and what it costs: CPU, heap, nodes.

Of a browser all processes count. There is no GPU: the CPU draws everything.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import linear_regression
from typing import NamedTuple

import psutil
from playwright.async_api import CDPSession, Page
from playwright.async_api import TimeoutError as TooLateError

from benchmarks import chromium
from benchmarks.table import Row

BLANK = "about:blank"
READY_SECONDS = 30
SEEN = Path(__file__).with_name("page_seen.js")
_SETTLED_SHARE = 0.5
"""Of a run, after which memory is looked at: code is compiled and buffers are grown."""


class Shown(NamedTuple):
    """A page, and the connection to its browser's insides."""

    page: Page
    session: CDPSession


@asynccontextmanager
async def shown(address: str, *scripts: Path) -> AsyncIterator[Shown]:
    """Yield a page that shows *address*, in a browser of its own, once it is ready.

    Args:
        address: What to show.
        scripts: Run before its first script.

    Raises:
        RuntimeError: It draws nothing.
    """
    async with chromium.launched() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        for script in (SEEN, *scripts):
            await page.add_init_script(path=script)
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable")
        await page.goto(address)
        if address != BLANK:
            ready = page.locator('html[data-ready="true"]')
            try:
                await ready.wait_for(state="attached", timeout=1_000 * READY_SECONDS)
            except TooLateError:
                raise RuntimeError(f"{address} draws no chart") from None
        yield Shown(page, session)


async def cpu_percent(page: Page, seconds: float) -> float:
    """Return the CPU use of the browser that shows *page*, the only one there is."""
    began, before = time.monotonic(), _cpu_seconds()
    await asyncio.sleep(seconds)
    await page.evaluate("1")  # it is alive: what ended would count as idle
    return 100 * (_cpu_seconds() - before) / (time.monotonic() - began)


def _cpu_seconds() -> float:
    used = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if "chrom" in process.name():
                used += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return used


class Held:
    """What a page holds on to, read now and then after collecting garbage."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self._at: list[float] = []
        self._heap_kib: list[float] = []
        self._nodes: list[float] = []
        self._listeners: list[float] = []

    async def read(self, at: float) -> None:
        """Read it; *at* is how far the run has come, in the unit of its slope."""
        await self._session.send("HeapProfiler.collectGarbage")
        found = await self._session.send("Performance.getMetrics")
        metrics = {each["name"]: each["value"] for each in found["metrics"]}
        self._at.append(at)
        self._heap_kib.append(metrics["JSHeapUsedSize"] / 1_024)
        self._nodes.append(metrics["Nodes"])
        self._listeners.append(metrics["JSEventListeners"])

    def rows(self, what: str, unit: str) -> list[Row]:
        """Say what it held once it had settled, and how its heap grew by *unit*."""
        first = next(
            number
            for number, at in enumerate(self._at)
            if at >= _SETTLED_SHARE * self._at[-1] or number == len(self._at) - 3
        )
        slope, noise = slope_of(self._at[first:], self._heap_kib[first:])
        nodes, listeners = self._nodes[first:], self._listeners[first:]
        return [
            Row(f"{what}: heap", self._heap_kib[first:], "KiB"),
            Row(f"{what}: heap grows by", [slope], f"KiB/{unit}"),
            Row(f"{what}: standard error of that", [noise], f"KiB/{unit}"),
            Row(f"{what}: DOM nodes, least", [min(nodes)], "nodes"),
            Row(f"{what}: DOM nodes, most", [max(nodes)], "nodes"),
            Row(f"{what}: listeners, least", [min(listeners)], ""),
            Row(f"{what}: listeners, most", [max(listeners)], ""),
        ]


def slope_of(at: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of *values* by least squares, and its standard error.

    There must be three at least.
    """
    slope, intercept = linear_regression(at, values)
    middle = sum(at) / len(at)
    apart = sum((each - middle) ** 2 for each in at)
    errors = (
        value - slope * each - intercept for each, value in zip(at, values, strict=True)
    )
    residue = sum(error**2 for error in errors) / (len(at) - 2)
    return slope, math.sqrt(residue / apart)
