"""Make pictures of each view of the page: light, dark, and as wide as a phone.

``make screenshots ARGS="FOLDER"``; names of views behind it make only those. With
``--url`` they are of a fleet that runs already (``python -m benchmarks.fleet``). README
has ``ARGS="docs/pictures fleet host process --window --look dark"``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser, ViewportSize
from playwright.async_api import TimeoutError as TooLateError

from benchmarks import chromium
from benchmarks.fleet.running import running
from benchmarks.views import VIEWS
from robometrics.schema import NS_PER_SECOND
from robometrics.times import parse_duration

_READY_SECONDS = 15
_LIVE_SECONDS = 4
"""Until a few live samples are on the charts."""


class Look(NamedTuple):
    """How a picture is taken."""

    scheme: Any
    viewport: ViewportSize
    scale: int
    is_phone: bool = False


_WIDE: ViewportSize = {"width": 1440, "height": 900}
_PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS = {
    "light": Look("light", _WIDE, 1),
    "dark": Look("dark", _WIDE, 1),
    "phone": Look("dark", _PHONE, 2, is_phone=True),
}


async def photograph(
    url: str, folder: Path, names: list[str], looks: list[str], *, is_whole: bool
) -> None:
    """Write a picture of each view in each look; of the whole page, or of a window."""
    folder.mkdir(parents=True, exist_ok=True)
    async with chromium.launched() as browser:
        for name in names:
            for look in looks:
                path = folder / f"{name}-{look}.png"
                await _photograph(browser, url, path, is_whole=is_whole)


async def _photograph(
    browser: Browser, url: str, path: Path, *, is_whole: bool
) -> None:
    name, _, look = path.stem.rpartition("-")
    scheme, viewport, scale, is_phone = LOOKS[look]
    page = await browser.new_page(
        color_scheme=scheme,
        viewport=viewport,
        device_scale_factor=scale,
        is_mobile=is_phone,
        has_touch=is_phone,
    )
    try:
        await page.goto(f"{url}/{VIEWS[name]}")
        try:
            ready = page.locator('html[data-ready="true"]')
            await ready.wait_for(state="attached", timeout=1_000 * _READY_SECONDS)
        except TooLateError:
            print(f"{path.name}: no chart within {_READY_SECONDS} s")
        await asyncio.sleep(_LIVE_SECONDS)
        await page.screenshot(path=path, full_page=is_whole)
        print(path, flush=True)
    finally:
        await page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("views", nargs="*", metavar="VIEW", help=", ".join(VIEWS))
    parser.add_argument("--history", default="24h", help="of the fleet, as in 24h")
    parser.add_argument("--url", help="of a fleet that runs already")
    parser.add_argument("--look", choices=LOOKS, action="append", help="only this one")
    parser.add_argument("--window", action="store_true", help="not the whole page")
    options = parser.parse_args()
    if unknown := set(options.views) - set(VIEWS):
        parser.error(f"no view {', '.join(unknown)}; there are {', '.join(VIEWS)}")
    with contextlib.ExitStack() as stack:
        url = options.url
        if url is None:
            seconds = parse_duration("--history", options.history) // NS_PER_SECOND
            url = stack.enter_context(running(history_seconds=seconds)).url
        names, looks = options.views or list(VIEWS), options.look or list(LOOKS)
        asyncio.run(
            photograph(url, options.folder, names, looks, is_whole=not options.window)
        )


if __name__ == "__main__":
    main()
