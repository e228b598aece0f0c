"""Everybody can use the page: what axe finds wrong with it, in light and in dark."""

from __future__ import annotations

import pytest

from benchmarks.fleet.running import Fleet
from benchmarks.views import VIEWS

from .browser import opened, violations

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(180)]

DRAWN = 'html[data-ready="true"]'
_SPOILED = """() => {
  const faint = document.createElement("p");
  faint.textContent = "hardly to be read";
  faint.style.color = "light-dark(#eee, #222)";
  faint.style.background = "light-dark(#fff, #111)";
  const nameless = document.createElement("button");
  document.body.append(faint, nameless, new Image());
}"""


async def test_nobody_is_shut_out_of_a_view(fleet: Fleet) -> None:
    found = {}
    async with opened(fleet.url) as (page, problems):
        for view in ("fleet", "host", "process", "explore"):
            await page.goto(f"{fleet.url}/{VIEWS[view]}")
            await page.wait_for_selector(DRAWN)
            found[view] = await violations(page)

    assert {view: [] for view in found} == found
    assert [] == problems


async def test_what_shuts_somebody_out_is_found(fleet: Fleet) -> None:
    """Were axe held back by the page's policy, it would find nothing for ever."""
    async with opened(f"{fleet.url}/{VIEWS['host']}") as (page, _):
        await page.wait_for_selector(DRAWN)
        await page.evaluate(_SPOILED)

        found = {line.partition(" (")[0] for line in await violations(page)}

    assert found >= {
        *("light: color-contrast", "light: button-name", "light: image-alt"),
        "dark: color-contrast",
    }
