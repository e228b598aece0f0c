"""What the page holds on to after hours, which pass as fast as it draws.

A page that was opened as ever, in a real browser; then its clock is turned, and real
seconds of the fleet come again and again, each time later. See ``page_turned.js``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import table
from benchmarks.browsing import Held, shown
from benchmarks.page import live
from benchmarks.table import Row
from benchmarks.views import VIEWS

_TURNED = Path(__file__).with_name("page_turned.js")
_BEHIND_MS_MAX = 5_000
_NEWEST_MS = """() => Math.max(
  0,
  ...[...document.querySelectorAll("[data-last-time-ms]")]
    .map(({ dataset }) => Number(dataset.lastTimeMs)),
)"""


class Scale(NamedTuple):
    """How much time passes where."""

    history_seconds: int
    views: tuple[str, ...]
    recorded_seconds: int
    ticks: int
    readings: int


FULL = Scale(360, ("host", "fleet"), 12, 20_000, 40)
QUICK = Scale(0, ("fleet",), 2, 90, 3)


async def measure(*, quick: bool) -> list[Row]:
    """Turn the clock of each view."""
    scale = QUICK if quick else FULL
    async with live(scale.history_seconds) as url:
        return await turn(url, scale)


async def turn(url: str, scale: Scale) -> list[Row]:
    """Let the views of the fleet at *url* see ``ticks`` seconds.

    Raises:
        RuntimeError: A page does not show what came last.
    """
    rows = []
    for name in scale.views:
        what = f"{name}, {scale.ticks:,} ticks"
        async with shown(f"{url}/{VIEWS[name]}", _TURNED) as (page, session):
            heard = await page.evaluate(f"turned.record({scale.recorded_seconds})")
            if not all(heard):
                raise RuntimeError(f"{name}: seconds without a batch: {heard}")
            held, took_ms = Held(session), []
            for number in range(scale.readings + 1):
                await held.read(number * scale.ticks / scale.readings / 1_000)
                if number < scale.readings:
                    ticks = scale.ticks // scale.readings
                    took_ms.append(await page.evaluate(f"turned.turn({ticks})"))
            await _check(name, page)
        rows += held.rows(what, "1,000 ticks")
        rows.append(
            Row(
                f"{what}: a tick, the last of them", took_ms[-1:], "ms",
                "the first of them", took_ms[:1],
            )
        )  # fmt: skip
    return rows


async def _check(name: str, page: Any) -> None:
    newest_ms = await page.evaluate(_NEWEST_MS)
    behind_ms = await page.evaluate("turned.nowMs()") - newest_ms
    if newest_ms and behind_ms > _BEHIND_MS_MAX:
        raise RuntimeError(f"{name}: what is drawn is {behind_ms} ms old")


if __name__ == "__main__":
    table.run([measure])
