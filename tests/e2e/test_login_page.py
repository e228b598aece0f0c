"""A person logs in with a real browser, by keyboard alone, and out again."""

from __future__ import annotations

from pathlib import Path

import pytest
from oidc_provider import CLIENT_ID, CLIENT_SECRET, running
from playwright.async_api import Page
from sites import answering

from robometrics.settings import ServerSettings
from robometrics.store import Store
from robometrics.tokens import digest_of, make_token

from .browser import opened, violations

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(60)]


async def test_somebody_logs_in_by_keyboard_and_comes_to_where_they_wanted(
    site: ServerSettings, store: Store
) -> None:
    token = make_token()
    await store.tokens.add("ada", "read", digest_of(token), None)
    async with (
        answering(site, roles=("api",), login="required") as url,
        opened(f"{url}/?view=explore") as (page, problems),
    ):
        await page.wait_for_url("**/login?view=explore")
        assert [] == await violations(page)
        await submit(page, make_token())
        alert = page.locator("[role=alert]:not(:empty)")
        assert "not known" in await alert.inner_text()
        assert "true" == await page.get_attribute("#token", "aria-invalid")
        assert [] == await violations(page)
        assert "token" == await page.evaluate("() => document.activeElement.id")

        await submit(page, token)
        await page.wait_for_url("**/?view=explore")
        who = page.locator(".who")
        assert "ada" == await who.inner_text()
        await page.wait_for_selector('.status[data-state="live"]')
        stored = await page.evaluate(
            "() => JSON.stringify([localStorage, document.cookie])"
        )
        assert token not in stored
        assert "robometrics=" not in stored, "scripts see no session"

        await page.get_by_role("button", name="Log out").press("Enter")
        await page.wait_for_url("**/login?view=explore")
        await page.goto(url)
        await page.wait_for_url("**/login")
    assert {"the server responded with a status of 401"} >= {
        problem.partition(": ")[2].partition(" (")[0] for problem in problems
    }


async def test_somebody_comes_back_from_their_organisation_logged_in(
    site: ServerSettings, store: Store, tmp_path: Path
) -> None:
    """A browser keeps a strict cookie from whatever another site leads to."""
    secret = tmp_path / "secret"
    secret.write_text(CLIENT_SECRET)
    secret.chmod(0o600)
    with running() as issuer:
        provider = {
            "public_url": f"http://127.0.0.1:{site.port}",
            "oidc_issuer": issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret_file": str(secret),
            "oidc_grants": ("read:email=*@example.org",),
        }
        async with (
            answering(site, roles=("api",), login="required", **provider) as url,
            opened(f"{url}/?view=explore") as (page, problems),
        ):
            await page.get_by_role("link", name="Log in by your organisation").click()
            await page.wait_for_url("**/?view=explore")
            assert "ada@example.org" == await page.locator(".who").inner_text()
    assert [] == problems


async def submit(page: Page, token: str) -> None:
    """Type where the keyboard is, and nothing else."""
    await page.wait_for_function("() => document.activeElement.id === 'token'")
    await page.keyboard.type(token)
    await page.keyboard.press("Enter")
