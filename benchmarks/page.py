"""What the page costs a browser, and how soon it shows what happened.

Ten hosts of ten processes are live at 1 Hz, with a day of history. Of the browser all
processes count. Beside its CPU: a blank page; its figures are those of a machine
without a GPU, where everything is drawn by the CPU.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import linear_regression
from typing import Any, NamedTuple

import httpx
import psutil
from playwright.async_api import Browser, CDPSession, Page
from playwright.async_api import TimeoutError as TooLateError

from benchmarks import chromium, table
from benchmarks.fleet.running import running
from benchmarks.table import Row
from benchmarks.views import VIEWS

_SEEN = Path(__file__).with_name("page_seen.js")
_READY_SECONDS = 30
_BLANK = "about:blank"
_LATE_MS = 30_000
"""What is older was late before it came, or is history."""

_FRAME_TIMES = """(lasting) => new Promise((resolve) => {
  const times = [];
  const step = (time) => {
    times.push(time);
    if (time - times[0] < lasting) requestAnimationFrame(step);
    else resolve(times);
  };
  requestAnimationFrame(step);
})"""
_OWN_FILES = """() =>
  [...performance.getEntriesByType("navigation"),
   ...performance.getEntriesByType("resource")]
    .filter(({ name }) => !name.includes("/api/"))
    .map(({ name, transferSize }) => [name, transferSize])"""


class Scale(NamedTuple):
    """How much is looked at, and for how long."""

    history_seconds: int
    views: tuple[str, ...]
    loads: int
    """Of each view, each in a new browser."""

    seconds: float
    """Of each measurement."""

    soak_seconds: float


FULL = Scale(86_400, ("fleet", "host", "process"), 5, 30, 600)
QUICK = Scale(300, ("fleet",), 1, 3, 5)


async def measure(*, quick: bool) -> list[Row]:
    """Look at each view, alone in its browser."""
    scale = QUICK if quick else FULL
    rows = []
    with running(history_seconds=scale.history_seconds) as fleet:
        async with _shown(_BLANK) as (page, _):
            await asyncio.sleep(scale.seconds)  # until it has started, as below
            blank_percent = await _cpu_percent(page, scale.seconds)
        for name in scale.views:
            address = f"{fleet.url}/{VIEWS[name]}"
            rows += await _first_chart(name, address, scale.loads)
            async with _shown(address) as (page, session):
                rows += await _transferred(name, page)
                await asyncio.sleep(scale.seconds)
                used_percent = await _cpu_percent(page, scale.seconds)
                rows.append(
                    Row(
                        f"{name}: CPU of the browser (100 is one core)",
                        [used_percent], "%", "a blank page", [blank_percent],
                    )
                )  # fmt: skip
                rows += await _frames(name, page, scale.seconds)
                rows += await _latencies(name, page, scale.seconds)
                rows += await _growth(name, session, scale.soak_seconds)
    return rows


@asynccontextmanager
async def _shown(address: str) -> AsyncIterator[tuple[Page, CDPSession]]:
    """Yield a page that shows *address*, in a browser of its own, once it is ready."""
    async with chromium.launched() as browser:
        yield await _open(browser, address)


async def _open(browser: Browser, address: str) -> tuple[Page, CDPSession]:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.add_init_script(path=_SEEN)
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await page.goto(address)
    if address != _BLANK:
        ready = page.locator('html[data-ready="true"]')
        try:
            await ready.wait_for(state="attached", timeout=1_000 * _READY_SECONDS)
        except TooLateError:
            raise RuntimeError(f"{address} draws no chart") from None
    return page, session


async def _first_chart(name: str, address: str, loads: int) -> list[Row]:
    """Open the view anew, with nothing in the browser's cache."""
    found = []
    for _ in range(loads):
        async with _shown(address) as (page, _):
            found.append(await page.evaluate("seenOfPage.readyMs"))
    return [Row(f"{name}: navigation to the first chart drawn", found, "ms")]


async def _transferred(name: str, page: Page) -> list[Row]:
    """Count the page's own files: as they came, and as gzip could have made them."""
    files = await page.evaluate(_OWN_FILES)
    async with httpx.AsyncClient() as client:
        bodies = [(await client.get(url)).content for url, _ in files]
    packed = sum(len(gzip.compress(body, 9)) for body in bodies)
    what = f"{name}: {len(files)} files of its own"
    return [
        Row(f"{what}, transferred", [sum(size for _, size in files) / 1_000], "kB"),
        Row(f"{what}, by gzip", [packed / 1_000], "kB"),
    ]


async def _cpu_percent(page: Page, seconds: float) -> float:
    """Return the CPU use of all processes of the browser that shows *page*."""
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


async def _frames(name: str, page: Page, seconds: float) -> list[Row]:
    """Ask for every frame; those apart by more than 100 ms are seen as a stutter."""
    before = len(await page.evaluate("seenOfPage.longTasksMs"))
    times = await page.evaluate(_FRAME_TIMES, 1_000 * seconds)
    tasks_ms = (await page.evaluate("seenOfPage.longTasksMs"))[before:]
    apart = [after - at for at, after in pairwise(times)]
    return [
        Row(f"{name}: frames", [1_000 * len(apart) / (times[-1] - times[0])], "fps"),
        Row(f"{name}: longest time between two frames", [max(apart)], "ms"),
        Row(f"{name}: tasks of 50 ms or more", [len(tasks_ms) / seconds * 60], "/min"),
        Row(f"{name}: longest of these", [max(tasks_ms, default=0)], "ms"),
    ]


async def _latencies(name: str, page: Page, seconds: float) -> list[Row]:
    """Count from the end of a slot, when workers flush, as ``latency`` does."""
    await page.evaluate("seenOfPage.isTimed = true")
    await asyncio.sleep(seconds)
    seen: dict[str, Any] = await page.evaluate("seenOfPage")
    await page.evaluate("seenOfPage.isTimed = false")
    arrived = [age for age in seen["arrivedAgesMs"] if age < _LATE_MS]
    painted: dict[float, float] = {}
    for painted_ms, sample_ms in seen["drawn"]:
        slot_end_ms = (sample_ms // 1_000 + 1) * 1_000
        painted.setdefault(slot_end_ms, painted_ms - slot_end_ms)
    drawn = [age for age in painted.values() if age < _LATE_MS]
    return [
        Row(f"{name}: {what}, p{percent}", [table.percentile(ages, percent)], "ms")
        for what, ages in (
            ("flush to websocket handler", arrived),
            ("flush to pixel", drawn),
        )
        if ages
        for percent in (50, 99)
    ]


async def _growth(name: str, session: CDPSession, seconds: float) -> list[Row]:
    """Watch what is left after collecting garbage, through *seconds*."""
    began = time.monotonic()
    at: list[float] = []
    heap_kib: list[float] = []
    nodes: list[float] = []
    while (passed := time.monotonic() - began) < seconds or len(at) < 3:
        await session.send("HeapProfiler.collectGarbage")
        found = await session.send("Performance.getMetrics")
        metrics = {each["name"]: each["value"] for each in found["metrics"]}
        at.append(passed / 60)
        heap_kib.append(metrics["JSHeapUsedSize"] / 1_024)
        nodes.append(metrics["Nodes"])
        await asyncio.sleep(seconds / 30)
    return [
        Row(f"{name}: heap", heap_kib, "KiB"),
        Row(f"{name}: heap grows by", [linear_regression(at, heap_kib)[0]], "KiB/min"),
        Row(f"{name}: DOM nodes", nodes, "nodes"),
        Row(f"{name}: DOM nodes, most less least", [max(nodes) - min(nodes)], "nodes"),
    ]


if __name__ == "__main__":
    table.run([measure])
