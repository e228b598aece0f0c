"""The system's Chromium, started so that it does nothing but show a page."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str:
    """Return the path of the installed browser.

    Raises:
        RuntimeError: There is none.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise RuntimeError("no Chromium is installed: run scripts/system-packages chromium")


@asynccontextmanager
async def launched(*flags: str) -> AsyncIterator[Browser]:
    """Yield a browser without a page, started with *flags* besides ``FLAGS``."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program(), args=[*FLAGS, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()
