"""What the page costs a browser, and how soon it shows what happened.

Ten hosts of ten processes are live, with a day of history. Beside the CPU of the
browser: a blank page. What the page holds on to for hours: ``page_soak``.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import NamedTuple

from playwright.async_api import Page

from benchmarks import table
from benchmarks.browsing import BLANK, Held, cpu_percent, shown
from benchmarks.fleet.running import running
from benchmarks.navigation import navigated
from benchmarks.table import Row
from benchmarks.terminal import site
from benchmarks.views import VIEWS

_LATE_MS = 30_000
"""What is older was late before it came, or is history."""

_READINGS = 30
_FRAME_TIMES = """(lasting) => new Promise((resolve) => {
  const times = [];
  const step = (time) => {
    times.push(time);
    if (time - times[0] < lasting) requestAnimationFrame(step);
    else resolve(times);
  };
  requestAnimationFrame(step);
})"""
_FILES = """() =>
  [...performance.getEntriesByType("navigation"),
   ...performance.getEntriesByType("resource")]
    .filter(({ name }) => !name.includes("/api/"))
    .map(({ name, encodedBodySize }) => [name, encodedBodySize])"""


class Scale(NamedTuple):
    """How much is looked at, and for how long."""

    history_seconds: int
    opened: Sequence[str]
    """Views that are only opened, to see how long that takes."""

    watched: Sequence[str]
    fast: Sequence[str]
    """Views that are watched in a fleet that samples at ``FAST_HZ``."""

    loads: int
    """Of each view, each in a new browser."""

    settle_seconds: float
    """From the first chart to the first measurement."""

    seconds: float
    """Of each measurement."""

    soak_seconds: float


FAST_HZ = 10
_FAST_HISTORY_SECONDS = 600
_DAYS = ("process-day", "host-day", "hundred-day")
_WATCHED = ("fleet", "host", "process")
FULL = Scale(86_400, _DAYS, _WATCHED, ("hundred",), 5, 5, 15, 600)
QUICK = Scale(0, (), ("fleet",), (), 1, 1, 1, 0)


async def measure(*, quick: bool) -> list[Row]:
    """Look at each view alone in its browser, then at all of them for long."""
    scale = QUICK if quick else FULL
    blank_percent = await cpu_of_blank(scale)
    async with live(scale.history_seconds) as url:
        rows = await look(url, scale, blank_percent)
        soaks = [
            soak(url, name, scale.soak_seconds)
            for name in (*scale.watched, *scale.fast)
        ]
        for found in await asyncio.gather(*soaks):
            rows += found
    if scale.fast:
        async with live(_FAST_HISTORY_SECONDS, hz=FAST_HZ) as url:
            for name in scale.fast:
                what = f"{name} at {FAST_HZ} Hz"
                rows += await watch(url, name, what, scale, blank_percent)
    return rows


@asynccontextmanager
async def live(history_seconds: int, hz: int = 1) -> AsyncIterator[str]:
    """Yield the address of a fleet's page; without a past it is a small fleet."""
    if history_seconds:
        with running(history_seconds=history_seconds, hz=hz) as fleet:
            yield fleet.url
    else:
        async with site(hosts=2, processes=3) as url:
            yield url


async def cpu_of_blank(scale: Scale) -> float:
    """Return the CPU use of a browser that shows nothing."""
    async with shown(BLANK) as (page, _):
        await asyncio.sleep(scale.settle_seconds)
        return await cpu_percent(page, scale.seconds)


async def look(url: str, scale: Scale, blank_percent: float) -> list[Row]:
    """Measure all views of the fleet at *url* but for how their memory grows."""
    rows = []
    for name in (*scale.opened, *scale.watched):
        rows += await first_chart(url, name, name, scale.loads)
    for name in scale.watched:
        rows += await watch(url, name, name, scale, blank_percent)
    return rows


async def first_chart(url: str, name: str, what: str, loads: int) -> list[Row]:
    """Open the view anew, with nothing in the browser's cache."""
    seen = [await navigated(f"{url}/{VIEWS[name]}") for _ in range(loads)]
    rows = [
        Row(
            f"{what}: navigation to the first chart drawn",
            [each["readyMs"] for each in seen],
            "ms",
        )
    ]
    if all(each["rowMs"] for each in seen):
        found = [each["rowMs"] for each in seen]
        rows.append(Row(f"{what}: navigation to the first row", found, "ms"))
    return rows


async def watch(
    url: str,
    name: str,
    what: str,
    scale: Scale,
    blank_percent: float,
    *,
    is_timed: bool = True,
) -> list[Row]:
    """Measure a view in steady state; rows call it *what*.

    *is_timed*: whether those who publish do so in time, so that latency is the page's.
    """
    async with shown(f"{url}/{VIEWS[name]}") as (page, _):
        rows = await _transferred(what, page)
        await asyncio.sleep(scale.settle_seconds)
        used_percent = await cpu_percent(page, scale.seconds)
        rows.append(
            Row(
                f"{what}: CPU of the browser (100 is one core)",
                [used_percent], "%", "a blank page", [blank_percent],
            )
        )  # fmt: skip
        rows += await _smoothness(what, page, scale.seconds)
        if is_timed:
            seen = await page.evaluate("seenOfPage")
            rows += latencies(what, seen["arrivals"], seen["paints"])
        return rows


async def _transferred(what: str, page: Page) -> list[Row]:
    """Count the files that came before the first chart, as they were sent."""
    files = await page.evaluate(_FILES)
    of_others = [size for name, size in files if "/vendor/" in name]
    return [
        Row(
            f"{what}: {len(files)} files, as sent",
            [sum(size for _, size in files) / 1_000],
            "kB",
        ),
        Row(
            f"{what}: {len(of_others)} of these, libraries",
            [sum(of_others) / 1_000],
            "kB",
        ),
    ]


async def _smoothness(what: str, page: Page, seconds: float) -> list[Row]:
    """Ask for every frame, and note when batches came and when they were seen."""
    await page.evaluate("seenOfPage.isTimed = true")
    times = await page.evaluate(_FRAME_TIMES, 1_000 * seconds)
    await page.evaluate("seenOfPage.isTimed = false")
    tasks_ms = await page.evaluate("seenOfPage.longTasksMs")
    apart = [after - at for at, after in pairwise(times)]
    return [
        Row(f"{what}: frames", [1_000 * len(apart) / (times[-1] - times[0])], "fps"),
        Row(f"{what}: longest time between two frames", [max(apart)], "ms"),
        Row(f"{what}: tasks of 50 ms or more", [len(tasks_ms) / seconds * 60], "/min"),
        Row(f"{what}: longest of these", [max(tasks_ms, default=0)], "ms"),
    ]


def latencies(
    what: str,
    arrivals: Sequence[tuple[float, int]],
    paints: Sequence[tuple[float, float]],
) -> list[Row]:
    """Count from the end of a batch's slot, when workers flush, as ``latency`` does."""
    drawn_at = [at for at, _ in paints]
    handled, painted = [], []
    for at, slot in arrivals:
        flushed_at = 1_000 * (slot + 1)
        if at - flushed_at > _LATE_MS:
            continue
        handled.append(at - flushed_at)
        number = bisect_left(drawn_at, at)
        if number < len(paints):
            painted.append(paints[number][1] - flushed_at)
    return [
        Row(f"{what}: {way}, p{percent}", [table.percentile(ages, percent)], "ms")
        for way, ages in (
            ("flush to websocket handler", handled),
            ("flush to pixel", painted),
        )
        if ages
        for percent in (50, 99)
    ]


async def soak(url: str, name: str, seconds: float) -> list[Row]:
    """Watch what the page holds on to; several do so at the same time."""
    async with shown(f"{url}/{VIEWS[name]}") as (_, session):
        held = Held(session)
        began = time.monotonic()
        for number in range(_READINGS):
            await asyncio.sleep(began + number / _READINGS * seconds - time.monotonic())
            await held.read((time.monotonic() - began) / 60)
        return held.rows(f"{name}, {seconds / 60:.0f} min", "min")


if __name__ == "__main__":
    table.run([measure])
