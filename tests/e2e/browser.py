"""A real Chromium, and all that it finds wrong with a page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from benchmarks import chromium

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".cache/node/node_modules/axe-core/axe.min.js"
HOSTILE = "<img src=x onerror=alert(1)>"
"""A name, as all that a page shows of it."""

CHECKS = {
    "light": {},
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},
}
"""What axe is asked for, by colour scheme: in the second, only what colours decide."""

# Before the first script of the page: it tells of what the policy refused.
_REPORT_REFUSALS = """
addEventListener("securitypolicyviolation", (event) => {
  const where = `${event.sourceFile}:${event.lineNumber}`;
  reportRefusal(`${event.effectiveDirective}: ${event.blockedURI} at ${where}`);
});
"""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """Yield the page at *url* and all that the browser complains about."""
    problems: list[str] = []
    async with chromium.launched() as browser:
        page = await browser.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda message: (
                problems.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        await collect_refusals(page, problems)
        await page.goto(url)
        yield page, problems
        await photograph(page, "end")


async def collect_refusals(page: Page, refusals: list[str]) -> None:
    """Add to *refusals* what the policy of a document in *page* refuses from now on."""
    await page.expose_binding("reportRefusal", lambda _, text: refusals.append(text))
    await page.add_init_script(_REPORT_REFUSALS)


async def photograph(page: Page, moment: str) -> None:
    """Keep a picture for people, where they asked for it."""
    if folder := os.environ.get("CI_ARTIFACTS"):
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[1].split(" ")[0]
        await page.screenshot(path=str(Path(folder) / f"{name}-{moment}.png"))


async def touch(
    page: Page, selector: str, *fingers: Iterable[float], at: float | None = None
) -> None:
    """Put fingers on the middle of *selector*, each going to these px right of it.

    The browser is told that it happened *at*, in seconds since the Unix epoch: two taps
    are one gesture however busy the machine is.
    """
    box = await page.locator(selector).bounding_box()
    assert box is not None, selector
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = await page.context.new_cdp_session(page)

    async def send(kind: str, *points: float) -> None:
        touched = [{"x": x + px, "y": y, "id": n} for n, px in enumerate(points)]
        event: dict[str, Any] = {"type": kind, "touchPoints": touched}
        if at is not None:
            event["timestamp"] = at
        await session.send("Input.dispatchTouchEvent", event)

    first, *others = zip(*fingers, strict=True)
    await send("touchStart", *first)
    for points in others:
        await send("touchMove", *points)
    await send("touchEnd")
    await session.detach()


async def attribute(page: Page, selector: str, name: str) -> float:
    value = await page.get_attribute(selector, name, timeout=30_000)
    return float(value or "nan")


def moved(page: Page, selector: str, since: float) -> Callable[[], Any]:
    """Return whether the chart at *selector* has a newer point than *since*."""

    async def later() -> bool:
        return await attribute(page, selector, "data-last-time-ms") > since

    return later


async def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with *page* as it is now, in light and in dark.

    It comes by the debugger, which no policy of the page holds back.
    """
    if not AXE.is_file():
        pytest.fail("axe-core is not installed: make test installs it")
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = []
    for scheme, asked in CHECKS.items():
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        answer = await page.evaluate("(asked) => axe.run(document, asked)", asked)
        for rule in answer["violations"]:
            for node in rule["nodes"]:
                where = " ".join(map(str, node["target"]))
                why = " ".join(node["failureSummary"].split())
                found.append(
                    f"{scheme}: {rule['id']} ({rule['impact']}) {where}: {why}"
                )
    await page.emulate_media(color_scheme="null")
    return found
