"""Explore in a real Chromium: what is chosen is drawn, and can be taken away."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page
from waiting import eventually, poll_until

from .browser import attribute, opened, photograph
from .conftest import Product, wait_until_stored

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(120)]

CPU = '[data-chart="explore-percent"]'
MEMORY = '[data-chart="explore-bytes"]'
LIGHT = "import time\nwhile True: sum(range(20_000)); time.sleep(0.02)"
"""Some CPU, but not what the browser needs."""

PNG = b"\x89PNG\r\n\x1a\n"
SVG = "{http://www.w3.org/2000/svg}"
PARQUET = b"PAR1"


@pytest.fixture(scope="module")
def explored(product: Product) -> Iterator[Product]:
    """Two processes of one host, each with a tag, while the module runs."""
    runs = [
        light(product, name, "--tag", f"side={name}")
        for name in ("explored-left", "explored-right")
    ]
    try:
        for name in ("explored-left", "explored-right"):
            wait_until_stored(product, name, "running")
            poll_until(partial(has_cpu_percent, product, name))
        yield product
    finally:
        for run in runs:
            run.terminate()
            run.communicate()


def light(product: Product, name: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", LIGHT]
    return product.command("run", "--name", name, *options, "--", *command)


def address(product: Product, query: str) -> str:
    return f"{product.url}/?view=explore&{query}"


async def legend(page: Page, chart: str) -> list[str]:
    rows = await page.locator(f"{chart} .legend tbody th").all_text_contents()
    return [row.strip() for row in rows]


async def wait_for_lines(page: Page, chart: str, *expected: str) -> None:
    """Wait until a chart has these lines: each comes with its first sample."""

    async def are_there() -> bool:
        return [*expected] == await legend(page, chart)

    await eventually(are_there)


async def saved(page: Page, selector: str, folder: Path) -> Path:
    """Click what saves a file; return the file."""
    async with page.expect_download() as waiting:
        await page.click(selector)
    download = await waiting.value
    path = folder / download.suggested_filename
    await download.save_as(path)
    return path


def pixels(png: bytes) -> tuple[int, int]:
    assert PNG == png[:8]
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


async def run_python(code: str) -> str:
    """Run what the page offers, as a reader of it would."""
    done = subprocess.run(  # noqa: ASYNC221  the page waits as well
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def has_cpu_percent(product: Product, name: str) -> bool:
    """Tell whether *name* was measured for long enough to have a rate."""
    asked = f"host=robot&process={name}&metric=cpu_percent&from=-1m"
    found = product.get(f"query?{asked}")["series"]
    return any(
        value is not None
        for each in found
        for value in each["metrics"]["cpu_percent"]["values"]
    )


async def test_what_is_chosen_is_drawn_live_and_stays_in_the_address(
    explored: Product,
) -> None:
    async with opened(address(explored, "")) as (page, problems):
        await page.click('button:text-is("Processes")')
        await page.fill("[data-search]", "resident")
        await page.click('[data-metric="memory_rss_bytes"]')
        await page.fill("[data-search]", "cpu")
        await page.click('[data-metric="cpu_percent"]')
        await page.fill('.names input[placeholder*="arm-"]', "explored-*")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(f"{CPU}[data-last-value]")
        both = ("explored-left", "explored-right")
        await wait_for_lines(page, CPU, *both)
        await wait_for_lines(page, MEMORY, *both)
        assert "process=explored-*" in page.url.replace("%2A", "*")
        first = await attribute(page, CPU, "data-last-time-ms")

        async def goes_on() -> bool:
            return await attribute(page, CPU, "data-last-time-ms") > first

        await eventually(goes_on)
        await page.reload()
        await page.wait_for_selector(f"{CPU}[data-last-value]")
        await wait_for_lines(page, CPU, *both)
        await photograph(page, "chosen")
        assert [] == problems


async def test_groups_quantiles_and_an_earlier_time_are_drawn_beside_each_other(
    explored: Product,
) -> None:
    query = "metric=cpu_percent&process=explored-*&group_by=tag:side&compare=5s"
    async with opened(address(explored, query)) as (page, problems):
        await page.wait_for_selector(f"{CPU}[data-last-value]")
        left, right = "side=explored-left", "side=explored-right"

        async def is_compared() -> bool:
            expected = [left, f"{left} · 5s earlier", right, f"{right} · 5s earlier"]
            return expected == await legend(page, CPU)

        await eventually(is_compared)
        dashed = page.locator(f'{CPU} .swatch[data-dash="true"]')
        assert 2 == await dashed.count()
        await photograph(page, "compared")
        await page.goto(
            address(
                explored, "metric=cpu_percent&process=explored-*&top=1&quantile=0.95"
            )
        )

        async def has_quantile() -> bool:
            lines = await legend(page, CPU)
            return len(lines) == 2 and lines[1] == f"{lines[0]} · p95"

        await eventually(has_quantile)
        assert [] == problems


async def test_the_picture_of_vega_lite_is_drawn_under_the_policy_and_saved(
    explored: Product, tmp_path: Path
) -> None:
    query = "metric=cpu_percent&metric=memory_rss_bytes&process=explored-*"
    async with opened(address(explored, query)) as (page, problems):
        await page.evaluate(
            "addEventListener('securitypolicyviolation', (event) => "
            "console.error(event.violatedDirective, event.blockedURI))"
        )
        await page.wait_for_selector(f"{CPU}[data-last-value]")
        loaded = "performance.getEntriesByType('resource').map(({ name }) => name)"
        assert not [each for each in await page.evaluate(loaded) if "vega" in each]
        await page.click('[data-take="picture"]')
        await page.wait_for_selector("dialog[data-drawn] canvas")
        width = await page.evaluate(
            "document.querySelector('.picture canvas').clientWidth"
        )
        await photograph(page, "picture")
        png = await saved(page, '[data-save="png"]', tmp_path)
        assert 2 * width == pixels(png.read_bytes())[0]
        svg = ET.parse(await saved(page, '[data-save="svg"]', tmp_path))  # noqa: S314  our own
        paths = svg.getroot().findall(f".//{SVG}g[@role='graphics-symbol']//{SVG}path")
        paths += svg.getroot().findall(f".//{SVG}path[@stroke]")
        assert [] != paths
        spec = json.loads(
            (await saved(page, '[data-save="json"]', tmp_path)).read_text()
        )
        assert {"explored-left", "explored-right"} == {
            row["series"] for row in spec["data"]["values"]
        }
        assert ["cpu percent", "memory rss bytes"] == [
            view["title"]["text"] for view in spec["vconcat"]
        ]
        assert '"vconcat"' in (await page.text_content('[data-part="spec"]') or "")
        assert [] == problems


async def test_files_and_the_python_have_what_is_shown(
    explored: Product, tmp_path: Path
) -> None:
    query = "metric=cpu_percent&process=explored-left&from=-1m"
    async with opened(address(explored, query)) as (page, problems):
        await page.wait_for_selector(f"{CPU}[data-last-value]")
        csv = (await saved(page, '[data-take="csv"]', tmp_path)).read_text()
        head, *rows = csv.splitlines()
        assert "cpu_percent.mean" in head
        assert [] != [row for row in rows if "explored-left" in row]
        parquet = (await saved(page, '[data-take="parquet"]', tmp_path)).read_bytes()
        assert (PARQUET, PARQUET) == (parquet[:4], parquet[-4:])
        await page.click('[data-take="python"]')
        code = await page.text_content('[data-part="python"]')
        said = await run_python(f"{code}\nprint(*frame.columns)")
        assert {"process", "time", "cpu_percent.mean"} <= set(said.split())
        await page.goto(address(explored, f"{query}&group_by=host"))
        await page.wait_for_selector(f"{CPU}[data-last-value]")
        shown = (await saved(page, '[data-take="csv"]', tmp_path)).read_text()
        assert '"robot","cpu_percent","percent","mean"' in shown
        await page.click('[data-take="python"]')
        code = await page.text_content('[data-part="python"]')
        assert "{'host': 'robot'} cpu_percent [" in await run_python(code or "")
        assert [] == problems


async def test_a_panel_gives_its_picture_its_values_and_the_way_to_explore(
    explored: Product, tmp_path: Path
) -> None:
    panel = '[data-chart="cpu"]'
    url = f"{explored.url}/?host=robot&process=explored-left"
    async with opened(url) as (page, problems):
        await page.wait_for_selector(f"{panel}[data-last-value]")
        await page.click(f"{panel} .panel-menu summary")
        await photograph(page, "menu")
        png = await saved(page, f'{panel} [data-menu="picture"]', tmp_path)
        assert min(pixels(png.read_bytes())) > 200
        await page.click(f"{panel} .panel-menu summary")
        await page.click(f'{panel} [data-menu="table"]')
        table = page.locator('dialog[open] [data-part="values"] tbody tr')
        await table.first.wait_for()
        assert "%" in (await table.first.text_content() or "")
        await page.click("dialog[open] form button")
        await page.click(f"{panel} .panel-menu summary")
        await page.click(f'{panel} [data-menu="explore"]')
        await page.wait_for_selector(f"{CPU}[data-last-value]")
        assert ["explored-left"] == await legend(page, CPU)
        assert [] == problems


async def test_a_hostile_name_is_text_in_the_chart_and_in_its_picture(
    product: Product, tmp_path: Path
) -> None:
    name = "<img src=x onerror=alert(1)>"
    run = light(product, name)
    try:
        wait_until_stored(product, name, "running")
        query = "metric=cpu_percent&process=%3Cimg*"
        async with opened(address(product, query)) as (page, problems):
            await page.wait_for_selector(f"{CPU}[data-last-value]")
            assert [name] == await legend(page, CPU)
            await page.click('[data-take="picture"]')
            await page.wait_for_selector("dialog[data-drawn] canvas")
            svg: Any = ET.parse(await saved(page, '[data-save="svg"]', tmp_path))  # noqa: S314  our own
            assert name in {text.text for text in svg.getroot().iter(f"{SVG}text")}
            assert [] == svg.getroot().findall(f".//{SVG}img")
            assert 0 == await page.locator('img[src="x"]').count()
            assert [] == problems
    finally:
        run.terminate()
        run.communicate()
