"""A host in a real Chromium: its cores, its processes, and what happened."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect
from waiting import eventually

from .browser import HOSTILE, attribute, opened, photograph, touch
from .conftest import Product, busy, wait_until_stored

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(120)]

PHONE = {"width": 390, "height": 844}
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
FAIL = [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.fixture(scope="module")
def peopled(product: Product) -> Iterator[Product]:
    """A host with processes that are busy, idle, nested, hostile, or failed twice."""
    nested = [sys.executable, "-m", "robometrics", "run", "--name", "nested"]
    started = [
        product.command("run", "--name", "burning", "--", *busy(600)),
        product.command("run", "--name", "launch", "--", *nested, "--", *SLEEP),
        product.command("run", "--name", HOSTILE, "--", *SLEEP),
    ]
    try:
        for _ in range(2):
            product.command("run", "--name", "failing", "--", *FAIL).communicate()
        wait_until_stored(product, "failing", "exited")
        for name in ("burning", "launch", "nested", HOSTILE):
            wait_until_stored(product, name, "running")
        yield product
    finally:
        for run in started:
            run.terminate()
        for run in started:
            run.communicate()


def rows(page: Page) -> Any:
    return page.locator("tr[data-process]")


async def wait_for_all(page: Page) -> None:
    """Wait for the rows of who is here; other tests leave more of them."""
    for name in ("burning", "launch", "nested", "failing"):
        await expect(page.locator(f'tr[data-process="{name}"]')).to_be_attached()


async def names(page: Page) -> list[str]:
    script = "all => all.map(row => row.dataset.process)"
    found: list[str] = await rows(page).evaluate_all(script)
    return found


async def test_processes_are_sorted_filtered_and_nested_as_the_address_says(
    peopled: Product,
) -> None:
    async with opened(f"{peopled.url}/?host=robot&sort=-cpu") as (page, problems):
        await wait_for_all(page)
        cpu = page.locator('[data-process="burning"] [data-value="cpu"]')
        await cpu.scroll_into_view_if_needed()
        await expect(cpu).to_contain_text("%", timeout=30_000)

        async def busiest_first() -> bool:
            return (await names(page))[0] == "burning"

        await eventually(busiest_first)
        await page.get_by_role("button", name="Process", exact=True).click()
        await expect(page.locator('th[aria-sort="ascending"]')).to_have_text(
            "Process ▴"
        )
        assert "sort=name" in page.url
        assert HOSTILE == (await names(page))[0], "a name is text, whatever it says"

        search = page.get_by_role("searchbox", name="Filter processes")
        await search.fill("/^(nested|failing)$/")
        await expect(rows(page)).to_have_count(2)
        await search.fill("/(/")
        await expect(page.locator(".processes [role=status]")).to_contain_text(
            "regular"
        )
        await search.fill("nested")
        await page.get_by_role("button", name="tree").click()
        assert ["launch", "nested"] == await names(page)
        await expect(page.locator("tr[data-context] a")).to_have_text("launch")

        await page.reload()
        await expect(rows(page)).to_have_count(2)
        assert ["launch", "nested"] == await names(page)
        await rows(page).get_by_role("link", name="nested").click()
        await page.wait_for_selector('h2[title="nested"]')
        assert [] == problems


async def test_a_row_tells_the_runs_of_its_process_and_how_each_ended(
    peopled: Product,
) -> None:
    async with opened(f"{peopled.url}/?host=robot") as (page, problems):
        row = page.locator('tr[data-process="failing"]')
        await expect(row).to_contain_text("code 3")
        await row.get_by_role("button", name="Runs of failing").click()
        runs = page.locator('tr[data-runs="failing"] tr[data-run]')
        await expect(runs).to_have_count(2)
        await expect(runs.first).to_contain_text("code 3")
        assert "runs=failing" in page.url
        assert [] == problems


async def test_values_change_each_second_and_no_row_is_made_anew(
    peopled: Product,
) -> None:
    async with opened(f"{peopled.url}/?host=robot") as (page, _):
        await wait_for_all(page)
        cpu = page.locator('[data-process="burning"] [data-value="cpu"]')
        await cpu.scroll_into_view_if_needed()
        await expect(cpu).to_contain_text("%", timeout=30_000)
        await page.evaluate("""() => {
          window.written = 0;
          window.made = 0;
          new MutationObserver(all => {
            for (const { addedNodes } of all) {
              const isMade = [...addedNodes].some(node => node instanceof Element);
              window[isMade ? "made" : "written"] += 1;
            }
          }).observe(document.querySelector(".processes tbody"), {
            subtree: true, childList: true, characterData: true,
          });
        }""")

        async def written() -> bool:
            return bool(await page.evaluate("window.written >= 10"))

        await eventually(written)
        assert 0 == await page.evaluate("window.made")


async def test_cores_and_events_share_the_time_of_the_page(peopled: Product) -> None:
    metrics = peopled.get("series?host=robot")["series"][0]["metrics"]
    cores = len(metrics["cpu_time_ns"]) - 1
    if cores < 2:
        pytest.skip("the only core is the total")
    async with opened(f"{peopled.url}/?host=robot") as (page, problems):
        await page.wait_for_selector('[data-chart="cores"][data-busiest]')
        assert cores == await attribute(page, '[data-chart="cores"]', "data-rows")
        plot = page.locator('[data-chart="cpu"] .u-over')
        readout = page.locator('[data-chart="cores"] [data-part="readout"]')
        await plot.hover()
        await expect(readout).to_have_text(
            # The time of the other chart's cursor, and the cores then.
            re.compile(r"^\d\d:\d\d:\d\d · ")
        )
        await page.locator('[data-chart="cores"] .u-over').hover()
        await expect(readout).to_contain_text("core ")
        await photograph(page, "cores")

        events = page.locator(".events li")
        await expect(events.filter(has_text="exited with code 3")).to_have_count(2)
        await page.get_by_role("button", name="exited", exact=True).click()
        await expect(events.filter(has_text="registered")).to_have_count(0)
        assert "kind=exited" in page.url
        await events.first.get_by_role("button").click()
        assert "from=" in page.url
        await page.wait_for_selector('[data-chart="cores"][data-busiest]')
        assert [] == problems


async def test_a_phone_finds_a_chart_by_its_name(peopled: Product) -> None:
    async with opened(f"{peopled.url}/?host=robot") as (page, problems):
        await page.set_viewport_size(PHONE)
        await page.wait_for_selector('[data-section="worker"]', state="attached")
        await page.locator('.sectionmenu [data-to="network"]').click()
        current = page.locator('.sectionmenu [aria-current="true"]')
        await expect(current).to_have_text("Network")
        heading = page.locator("#heading-network")
        await expect(heading).to_be_in_viewport()
        placed = await heading.bounding_box()
        # Below the menu, where the browser itself does not amend what moves.
        above = page.locator("[data-section]:has(+ #section-network)")
        await above.evaluate("element => { element.style.paddingBottom = '99px' }")
        await page.evaluate("new Promise(requestAnimationFrame)")
        assert placed == await heading.bounding_box(), "whoever jumped stays there"
        await page.mouse.wheel(0, -2_000)
        await expect(current).not_to_have_text("Network")
        await page.get_by_role("searchbox", name="Find a chart").fill("swap in")
        await expect(page.locator("[data-section]")).to_have_count(1)
        chart = '[data-chart="swap_in_bytes_per_second"]'
        await page.wait_for_selector(f"{chart}[data-last-value]")
        assert "find=swap" in page.url
        await touch(page, f"{chart} .u-over", range(0, 60, 5))
        await expect(page).to_have_url(re.compile("from=2"))
        await expect(page.locator(f"{chart} [data-by=now]")).to_have_text("Last")
        await touch(page, f"{chart} .u-over", range(-20, -60, -5), range(20, 60, 5))
        now = time.time()
        for tap in range(2):
            await touch(page, f"{chart} .u-over", [0], at=now + 0.2 * tap)
        await expect(page).not_to_have_url(re.compile("from="))
        await expect(page.locator(f"{chart} [data-by=now]")).to_have_text("Now")
        assert PHONE["width"] >= await page.evaluate(
            "document.documentElement.scrollWidth"
        )
        await photograph(page, "phone")
        assert [] == problems
