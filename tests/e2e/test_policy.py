"""The page's policy, tried by a script that the server itself serves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sites import answering

from benchmarks import chromium
from robometrics import viz
from robometrics.api import page as served
from robometrics.settings import ServerSettings

from .browser import collect_refusals

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(60)]

ATTEMPTS = Path(__file__).with_name("attempts.js")
NAMES = [
    *("inline script", "inline handler", "inline style"),
    *("eval", "new Function", "innerHTML"),
    *("foreign image", "foreign request"),
]
TRUSTED_TYPES = "require-trusted-types-for"
BY_TRUSTED_TYPES = {TRUSTED_TYPES, "style-src-elem", "img-src", "connect-src"}
BY_ORIGIN = {
    *("script-src", "script-src-elem", "script-src-attr"),
    *("style-src-elem", "img-src", "connect-src"),
}


@pytest.fixture
def attempting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve the page with another script as its own."""
    folder = tmp_path / "viz"
    shutil.copytree(Path(viz.__file__).parent, folder)
    shutil.copy(ATTEMPTS, folder / "main.js")
    monkeypatch.setattr(served, "FOLDER", folder)


async def tried(site: ServerSettings) -> tuple[dict[str, bool], set[str]]:
    """Return which attempts came through, and which directives refused some."""
    refusals: list[str] = []
    async with answering(site, roles=("api",)) as url, chromium.launched() as browser:
        page = await browser.new_page()
        await collect_refusals(page, refusals)
        await page.goto(url)
        root = page.locator("html[data-attempts]")
        found = json.loads(await root.get_attribute("data-attempts") or "")
    return found, {refusal.partition(":")[0] for refusal in refusals}


@pytest.mark.usefixtures("attempting")
async def test_the_policy_refuses_whatever_foreign_script_would_do(
    site: ServerSettings,
) -> None:
    found, refused_by = await tried(site)

    assert dict.fromkeys(NAMES, False) == found
    assert BY_TRUSTED_TYPES == refused_by


@pytest.mark.usefixtures("attempting")
async def test_where_a_browser_knows_no_trusted_types_only_markup_gets_in(
    site: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They refuse script before its origin is asked for: so this is the other half."""
    whole = served.policy
    monkeypatch.setattr(
        served, "policy", lambda html: whole(html).partition(f"; {TRUSTED_TYPES}")[0]
    )

    found, refused_by = await tried(site)

    assert dict.fromkeys(NAMES, False) | {"innerHTML": True} == found
    assert BY_ORIGIN == refused_by


@pytest.mark.usefixtures("attempting")
async def test_without_the_policy_all_of_it_would_be_done(
    site: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were an attempt wrong in itself, its refusal would prove nothing."""
    monkeypatch.setattr(served, "policy", lambda _: "frame-ancestors 'none'")

    found, refused_by = await tried(site)

    assert dict.fromkeys(NAMES, True) == found
    assert set() == refused_by
