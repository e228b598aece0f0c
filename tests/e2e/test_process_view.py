"""The process view in a real Chromium: gaps with reasons, runs compared, bursts."""

from __future__ import annotations

import sys
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from playwright.async_api import Page
from waiting import eventually, poll_until

from .browser import opened, photograph
from .conftest import Product, wait_until_stored

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(120)]

CPU_CHART = '[data-chart="cpu"]'
IDLE = "import time\nwhile True: time.sleep(0.02)"


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product whose worker is stopped and killed, and goes on."""
    started = Product(tmp_path_factory.mktemp("shaken"))
    try:
        started.wait_ready()
        yield started
    finally:
        started.stop()


def address(product: Product, process: str, **own: str | list[str]) -> str:
    query = {"host": "robot", "process": process} | own
    return f"{product.url}/?{urllib.parse.urlencode(query, doseq=True)}"


def ended_run(product: Product, process: str, exit_code: int) -> None:
    code = f"import sys, time\ntime.sleep(2.5)\nsys.exit({exit_code})"
    run = product.command("run", "--name", process, "--", sys.executable, "-c", code)
    run.communicate()
    assert exit_code == run.returncode


def ended_runs(product: Product, process: str, count: int) -> list[dict[str, Any]]:
    """Wait for the ends of *count* runs; return them, newest first."""
    query = urllib.parse.urlencode({"host": "robot", "process": process})
    found: list[dict[str, Any]] = []

    def all_ended() -> bool:
        found[:] = product.get(f"runs?{query}")["runs"]
        return [count, 0] == [len(found), sum(run["end"] is None for run in found)]

    poll_until(all_ended, 30)
    return found


async def text_of(page: Page, selector: str) -> str:
    return await page.text_content(selector, timeout=30_000) or ""


async def test_a_gap_that_opens_while_one_looks_is_shown_with_its_reason(
    shaken: Product,
) -> None:
    product = shaken
    run = product.command("run", "--name", "gappy", "--", sys.executable, "-c", IDLE)
    try:
        await anyio.to_thread.run_sync(wait_until_stored, product, "gappy", "running")
        async with opened(address(product, "gappy", tab="events")) as (page, problems):
            await page.wait_for_selector("text=No gap is known in this time.")
            product.child("worker").kill()
            row = '[data-list="gaps"] tr[data-cause="worker_killed"]'
            assert "the worker was killed" in await text_of(page, row)
            starts = '[data-list="events"] tr[data-event="worker_started"]'
            await page.wait_for_selector(starts)
            await page.click('[data-tab="charts"]')
            await page.wait_for_selector(f"{CPU_CHART}[data-last-value]")
            await photograph(page, "gap")
            assert [] == problems
    finally:
        run.terminate()
        run.communicate()


async def test_two_runs_lie_over_each_other_from_their_starts(
    product: Product,
) -> None:
    await anyio.to_thread.run_sync(ended_run, product, "twice", 0)
    await anyio.to_thread.run_sync(ended_run, product, "twice", 3)
    runs = await anyio.to_thread.run_sync(ended_runs, product, "twice", 2)
    async with opened(address(product, "twice", tab="runs")) as (page, problems):
        await page.wait_for_selector("tr[data-run]")
        assert 2 == await page.locator("tr[data-run]").count()
        for run in runs:
            await page.check(f'tr[data-run="{run["run"]}"] input')
        chart = '[data-chart="runs-cpu_percent"]'
        await page.wait_for_selector(f"{chart}[data-last-value]")
        lines = await page.locator(f"{chart} .legend tbody th").all_text_contents()
        assert ["code 0", "code 3"] == sorted(line.split(" · ")[-1] for line in lines)
        since_start_ms = float(
            await page.get_attribute(chart, "data-last-time-ms") or "nan"
        )
        assert 1_000 <= since_start_ms <= 10_000
        await photograph(page, "compared")

        # The address alone shows the same again.
        await page.reload()
        await page.wait_for_selector(f"{chart}[data-last-value]")
        assert 2 == await page.locator("tr[data-run] input:checked").count()
        assert [] == problems


async def test_a_burst_recorded_from_the_page_is_shown_sample_by_sample(
    product: Product,
) -> None:
    run = product.command("run", "--name", "fast", "--", sys.executable, "-c", IDLE)
    try:
        await anyio.to_thread.run_sync(wait_until_stored, product, "fast", "running")
        url = address(product, "fast", hz="100", seconds="2")
        async with opened(url) as (page, problems):
            await page.wait_for_selector(f"{CPU_CHART}[data-last-value]")
            before = time.time()
            await page.click(".recorder button")
            await page.wait_for_selector(".recorder progress")
            await page.wait_for_url("**from=20*to=20*", timeout=20_000)
            shown = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)
            await page.wait_for_function(
                "() => /every sample as taken, 1\\d ms apart/.test("
                "document.querySelector('[data-chart=cpu]').textContent)"
            )
            query = {
                "host": "robot",
                "process": "fast",
                "metric": "cpu_percent",
                "from": shown["from"][0],
                "to": shown["to"][0],
                "resolution": "raw",
            }
            answer = product.get(f"query?{urllib.parse.urlencode(query)}")
            times = answer["series"][0]["time_ms"]
            assert before * 1_000 - 1_000 <= times[0]
            assert 120 <= len(times) <= 201  # a busy machine skips ticks

            async def the_last_is_drawn() -> bool:
                drawn = await page.get_attribute(CPU_CHART, "data-last-time-ms")
                return bool(abs(float(drawn or "nan") - times[-1]) < 1)

            await eventually(the_last_is_drawn)
            await photograph(page, "burst")
            assert [] == problems
    finally:
        run.terminate()
        run.communicate()


async def test_a_worker_that_does_not_answer_is_told_of(shaken: Product) -> None:
    product = shaken
    run = product.command("run", "--name", "mute", "--", sys.executable, "-c", IDLE)
    worker = product.child("worker")
    try:
        await anyio.to_thread.run_sync(wait_until_stored, product, "mute", "running")
        async with opened(address(product, "mute")) as (page, _):
            await page.wait_for_selector(f"{CPU_CHART}[data-last-value]")
            worker.suspend()
            await page.click(".recorder button")
            told = await text_of(page, '.recorder [role="alert"]')
            assert "Not recorded: the worker of robot gave no answer" in told
    finally:
        worker.resume()
        run.terminate()
        run.communicate()
