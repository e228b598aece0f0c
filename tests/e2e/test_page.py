"""A real Chromium opens the page, and sees a process whose chart goes on."""

from __future__ import annotations

import sys
import urllib.parse

import anyio
import pytest
from waiting import eventually

from .browser import HOSTILE, attribute, moved, opened, photograph
from .conftest import Product, busy, wait_until_stored

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(120)]

CPU_CHART = '[data-chart="cpu"]'


async def test_the_page_shows_a_process_whose_last_point_moves(
    product: Product,
) -> None:
    run = product.command("run", "--name", "shown", "--", *busy(30))
    try:
        await anyio.to_thread.run_sync(wait_until_stored, product, "shown", "running")
        async with opened(f"{product.url}/?host=robot&process=shown") as (
            page,
            problems,
        ):
            await page.wait_for_selector(f"{CPU_CHART}[data-last-value]")
            first = await attribute(page, CPU_CHART, "data-last-time-ms")
            await eventually(moved(page, CPU_CHART, first))
            again = await attribute(page, CPU_CHART, "data-last-time-ms")
            await eventually(moved(page, CPU_CHART, again))
            assert await attribute(page, CPU_CHART, "data-last-value") > 1
            memory = '[data-chart="memory"]'
            assert await attribute(page, memory, "data-last-value") > 1_000_000
            assert [] == problems
    finally:
        run.terminate()
        run.communicate()


async def test_the_page_goes_on_by_itself_when_the_server_is_killed(
    own_product: Product,
) -> None:
    product = own_product
    run = product.command("run", "--name", "steady", "--", *busy(60))
    try:
        await anyio.to_thread.run_sync(wait_until_stored, product, "steady", "running")
        async with opened(f"{product.url}/?host=robot&process=steady") as (page, _):
            await page.wait_for_selector(f"{CPU_CHART}[data-last-value]")
            product.child("server").kill()
            await page.wait_for_selector('.status[data-state="reconnecting"]')
            await page.wait_for_selector('.status[data-state="live"]', timeout=30_000)
            before = await attribute(page, CPU_CHART, "data-last-time-ms")
            await eventually(moved(page, CPU_CHART, before))
    finally:
        run.terminate()
        run.communicate()


async def test_the_page_says_in_words_when_the_database_is_behind(
    own_product: Product,
) -> None:
    """A frozen database is what a full or dying disk looks like from outside."""
    product = own_product
    async with opened(f"{product.url}/?host=robot") as (page, problems):
        await page.wait_for_selector('.pipeline[data-state="stored"]', timeout=30_000)
        assert "stored within" in (await page.text_content(".pipeline") or "")
        await photograph(page, "stored")
        database = product.child("mongod")
        database.suspend()
        try:
            words = (
                "text=/^\\s*MongoDB is away: [0-9,]+ batch(es)? waits? in the stream/"
            )
            await page.wait_for_selector(words, timeout=40_000)
            assert "behind" == await page.get_attribute(".pipeline", "data-state")
            await photograph(page, "behind")
        finally:
            database.resume()
        await page.wait_for_selector('.pipeline[data-state="stored"]', timeout=40_000)
        assert [] == [text for text in problems if "503" not in text]


async def test_a_hostile_name_is_text(product: Product) -> None:
    code = "import time\nwhile True: time.sleep(0.1)"
    run = product.command("run", "--name", HOSTILE, "--", sys.executable, "-c", code)
    try:
        await anyio.to_thread.run_sync(wait_until_stored, product, HOSTILE, "running")
        query = urllib.parse.urlencode({"host": "robot", "process": HOSTILE})
        async with opened(f"{product.url}/?{query}") as (page, problems):
            await page.wait_for_selector(f"{CPU_CHART}[data-last-value]")
            heading = await page.text_content("h2")
            assert HOSTILE in (heading or "")
            assert 0 == await page.locator('img[src="x"]').count()
            assert [] == problems
    finally:
        run.terminate()
        run.communicate()
