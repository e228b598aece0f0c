"""The server is away for half a minute: after it the page shows what is stored."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest
from playwright.async_api import Page, expect
from waiting import eventually

from benchmarks.fleet.running import Fleet
from benchmarks.views import VIEWS

from .browser import attribute, moved, opened, photograph

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(240)]

AWAY_SECONDS = 30
PROCESS = {"host": "robot-1", "process": "planner"}
CHART = '[data-chart="memory"]'
METRIC = "memory_rss_bytes"
Values = dict[int, float]
"""By ms since the Unix epoch."""


async def test_what_was_missed_fills_by_itself_and_is_what_the_api_has(
    fleet: Fleet,
) -> None:
    async with opened(f"{fleet.url}/{VIEWS['process']}") as (page, _):
        await page.wait_for_selector(f"{CHART}[data-last-value]")
        status = page.locator(".status")
        lost_ms = await attribute(page, CHART, "data-last-time-ms")
        await anyio.to_thread.run_sync(fleet.stop_server)
        try:
            await expect(status).to_have_attribute("data-state", "reconnecting")
            await expect(status).to_contain_text("data up to ")
            await photograph(page, "away")
            await anyio.sleep(AWAY_SECONDS)  # what is waited for is that time passes
            seen_ms = await attribute(page, CHART, "data-last-time-ms")
            assert seen_ms < lost_ms + 1_000 * AWAY_SECONDS / 2
        finally:
            await anyio.to_thread.run_sync(fleet.start_server)
        await expect(status).to_have_attribute("data-state", "live", timeout=30_000)
        back_ms = seen_ms + 1_000 * (AWAY_SECONDS + 10)
        await eventually(moved(page, CHART, back_ms), seconds=60)

        first, last = lost_ms - 30_000, back_ms
        shown: Values = {}

        async def is_what_is_stored() -> bool:
            shown.clear()
            shown.update(await values_shown(page))
            stored = await anyio.to_thread.run_sync(values_stored, fleet, shown)
            return within(shown, first, last) == within(stored, first, last)

        await eventually(is_what_is_stored, seconds=60)
        missed = within(shown, seen_ms + 1, seen_ms + 1_000 * AWAY_SECONDS)
        assert len(missed) >= AWAY_SECONDS - 1, "nothing of that time is shown"


async def values_shown(page: Page) -> Values:
    """Return what the table of the chart's values says."""
    panel = page.locator(CHART)
    await panel.locator(".panel-menu summary").click()
    await panel.locator('[data-menu="table"]').click()
    rows = page.locator('dialog[open] [data-part="values"] tbody tr')
    await expect(rows.first).to_be_visible()
    found: list[list[str]] = await rows.evaluate_all(
        """rows => rows.map(row => [
          row.querySelector("time").dateTime, row.querySelector("data").value,
        ])"""
    )
    await page.keyboard.press("Escape")
    return {
        round(datetime.fromisoformat(at).timestamp() * 1_000): float(value)
        for at, value in found
    }


def values_stored(fleet: Fleet, shown: Values) -> Values:
    """Return what the API has of the same steps."""
    times = sorted(shown)
    step_ms = min(after - at for at, after in pairwise(times))
    stop_ms = times[-1] + step_ms
    asked: dict[str, Any] = {
        **PROCESS,
        "metric": METRIC,
        "from": datetime.fromtimestamp(times[0] / 1_000).astimezone().isoformat(),
        "to": datetime.fromtimestamp(stop_ms / 1_000).astimezone().isoformat(),
        "max_points": (stop_ms - times[0]) // step_ms,
    }
    [series] = fleet.get(f"query?{urlencode(asked)}")["series"]
    values = series["metrics"][METRIC]["values"]
    found = zip(series["time_ms"], values, strict=True)
    return {at: value for at, value in found if value is not None}


def within(values: Values, first_ms: float, last_ms: float) -> Values:
    return {at: each for at, each in values.items() if first_ms <= at <= last_ms}
