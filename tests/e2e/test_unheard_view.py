"""A host or process that nobody has heard of, in a real Chromium, until it appears."""

from __future__ import annotations

import sys

import pytest
from playwright.async_api import Page, expect

from .browser import opened, photograph
from .conftest import Product

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(120)]

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PATIENT_MS = 30_000


async def test_an_unknown_host_has_no_charts_and_appears_without_a_reload(
    product: Product,
) -> None:
    async with opened(f"{product.url}/?host=nosuch") as (page, problems):
        await expect_unheard(page, "host", "--host nosuch")
        await photograph(page, "host")
        await page.get_by_role("link", name="all hosts").click()
        await expect(page.locator('tr[data-host="robot"]')).to_be_visible()

        # As a server that has not heard of it yet answers.
        hosts = "**/api/v1/hosts"
        await page.route(hosts, lambda route: route.fulfill(json={"hosts": []}))
        await page.goto(f"{product.url}/?host=robot")
        await expect_unheard(page, "host", "--host robot")
        await page.unroute(hosts)
        charts = page.locator("[data-section] [data-chart]")
        await expect(charts.first).to_be_visible(timeout=PATIENT_MS)
        await expect(page.locator("[data-unheard]")).to_have_count(0)
        assert [] == problems


async def test_an_unknown_process_has_no_charts_and_appears_without_a_reload(
    product: Product,
) -> None:
    url = f"{product.url}/?host=robot&process=latecomer"
    async with opened(url) as (page, problems):
        await expect_unheard(page, "process", "run --name latecomer")
        await photograph(page, "process")
        run = product.command("run", "--name", "latecomer", "--", *SLEEP)
        try:
            await page.wait_for_selector('[data-chart="cpu"]', timeout=PATIENT_MS)
            await expect(page.locator("[data-unheard]")).to_have_count(0)
        finally:
            run.terminate()
            run.communicate()
        assert [] == problems


async def expect_unheard(page: Page, what: str, command: str) -> None:
    """Expect the sentence, and what to type; and nothing else."""
    shown = page.locator(f'[data-unheard="{what}"]')
    await expect(shown).to_contain_text("Nothing has been heard of it")
    await expect(shown.locator("code").first).to_contain_text(command)
    await expect(page.locator("main [data-section], main [data-chart]")).to_have_count(
        0
    )
