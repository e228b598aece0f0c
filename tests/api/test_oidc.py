"""Logging in by OpenID Connect, and what a liar or a thief gets by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from oidc_provider import CLIENT_ID, CLIENT_SECRET, running
from servers import free_port

from robometrics.api.access import attempts, provider
from robometrics.api.access.gate import access_of
from robometrics.api.access.grants import grants_of, scope_of
from robometrics.broker import open_link
from robometrics.errors import ForbiddenError, SettingsError
from robometrics.settings import ServerSettings
from robometrics.store import Store

from .conftest import Served, serving
from .guarding import NO_BROKER, guarded

PUBLIC_URL = "http://127.0.0.1:8420"
CALLBACK = "/api/v1/oidc/callback"


@pytest.fixture
def store(unprepared: Store) -> Store:
    return unprepared


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def settings(issuer: str, tmp_path: Path) -> ServerSettings:
    httpx.post(f"{issuer}/lies", json={})
    secret = tmp_path / "secret"
    secret.write_text(CLIENT_SECRET)
    secret.chmod(0o600)
    return ServerSettings(
        login="required",
        public_url=PUBLIC_URL,
        oidc_issuer=issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret_file=str(secret),
        oidc_grants=("read:email=*@example.org", "control:groups=ops"),
    )


@asynccontextmanager
async def provided(settings: ServerSettings, store: Store) -> AsyncIterator[Served]:
    async with (
        open_link(NO_BROKER, "test") as link,
        serving(link, store, access=access_of(settings, store)) as found,
    ):
        yield found


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """More is tried here than an address may fail."""
    monkeypatch.setattr(attempts, "FAILURES_MAX", 100)


@pytest.fixture
async def site(settings: ServerSettings, store: Store) -> AsyncIterator[Served]:
    async with provided(settings, store) as found:
        yield found


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in answer.headers.get_list("set-cookie"):
        found |= {name: m.value for name, m in SimpleCookie(text).items() if m.value}
    return found


def shown(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


async def begin(site: Served, query: str = "") -> tuple[dict[str, str], str]:
    """Go to the provider; return what the browser keeps, and the way back."""
    there = await site.http.get(f"/api/v1/oidc/login{query}")
    back = await site.http.get(there.headers["location"])
    site.http.cookies.clear()  # the next one is another browser
    where = back.headers["location"]
    assert where.startswith(PUBLIC_URL + CALLBACK)
    return cookies_of(there), where.removeprefix(PUBLIC_URL)


async def come_back(
    site: Served, cookies: dict[str, str], where: str
) -> httpx.Response:
    answer = await site.http.get(where, headers=shown(cookies))
    site.http.cookies.clear()
    return answer


async def log_in(site: Served, query: str = "") -> httpx.Response:
    return await come_back(site, *await begin(site, query))


async def test_whoever_the_provider_knows_is_logged_in(
    site: Served, store: Store
) -> None:
    answer = await log_in(site, "?host=robot&x=%22%3E")
    me = await site.http.get("/api/v1/me", headers=shown(cookies_of(answer)))

    assert (200, "ada@example.org", "control") == (
        answer.status_code,
        me.json()["name"],
        me.json()["scope"],
    )
    assert f'url={PUBLIC_URL}/?host=robot&amp;x=%22%3E"' in answer.text
    [session] = [
        text
        for text in answer.headers.get_list("set-cookie")
        if text.startswith("robometrics=")
    ]
    assert {"HttpOnly", "SameSite=strict"} <= set(session.split("; "))
    [deed] = await store.deeds.latest(1)
    assert ("ada@example.org", "login") == (deed.who, deed.what)


async def test_the_page_offers_it_only_where_it_is(site: Served) -> None:
    assert {"token": True, "provider": True} == (
        await site.http.get("/api/v1/login")
    ).json()


async def test_an_answer_is_only_for_the_browser_that_asked(site: Served) -> None:
    """Else somebody could log another one in as themselves, or as who has a code."""
    cookies, where = await begin(site)
    other, _ = await begin(site)

    assert 403 == (await come_back(site, {}, where)).status_code
    assert 403 == (await come_back(site, other, where)).status_code
    wrong = where.replace("state=", "state=x")
    assert 403 == (await come_back(site, cookies, wrong)).status_code
    assert 200 == (await come_back(site, cookies, where)).status_code


async def test_a_code_is_of_use_once(site: Served) -> None:
    cookies, where = await begin(site)

    assert 200 == (await come_back(site, cookies, where)).status_code
    replayed = await come_back(site, cookies, where)
    assert 403 == replayed.status_code
    assert "robometrics" not in cookies_of(replayed)


async def test_who_goes_on_guessing_is_held_off(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "FAILURES_MAX", 2)
    found = [
        (await come_back(site, {}, f"{CALLBACK}?code={number}")).status_code
        for number in range(4)
    ]

    assert [403, 403, 429, 429] == found


async def test_a_code_of_another_login_is_refused_by_pkce(site: Served) -> None:
    """A stolen code, brought by a browser that has a login of its own under way."""
    _, stolen = await begin(site)
    cookies, where = await begin(site)
    code = httpx.URL(stolen).params["code"]
    forged = str(httpx.URL(where).copy_set_param("code", code))

    assert 403 == (await come_back(site, cookies, forged)).status_code


LIES: list[dict[str, Any]] = [
    {"claims": {"nonce": "of another login"}},
    {"claims": {"aud": "another server"}},
    {"claims": {"aud": [CLIENT_ID, "another"], "azp": "another"}},
    {"claims": {"iss": "https://evil.example"}},
    {"claims": {"exp": 1_000}},
    {"claims": {"exp": None}},
    {"claims": {"iat": 4_000_000_000}},
    {"signed": "another"},
    {"signed": "nobody"},
    {"signed": "with the public key"},
    {"claims": {"email_verified": False, "groups": []}},
    {"claims": {"email": "eve@evil.example", "groups": "none"}},
]


async def test_what_cannot_be_believed_logs_nobody_in(
    site: Served, issuer: str
) -> None:
    for lie in LIES:
        await site.http.post(f"{issuer}/lies", json=lie)
        refused = await log_in(site)
        assert 403 == refused.status_code, lie
        assert "robometrics" not in cookies_of(refused), lie
    await site.http.post(f"{issuer}/lies", json={})

    assert 200 == (await log_in(site)).status_code


async def test_a_provider_may_have_new_keys(
    site: Served, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "NEW_KEYS_SECONDS", 0)
    assert 200 == (await log_in(site)).status_code
    await site.http.post(f"{issuer}/lies", json={"key": "the second"})

    assert 200 == (await log_in(site)).status_code


async def test_a_session_ends_when_an_administrator_says_so(
    site: Served, store: Store
) -> None:
    cookies = shown(cookies_of(await log_in(site)))
    assert 200 == (await site.http.get("/api/v1/me", headers=cookies)).status_code

    assert [0, 1] == [
        await store.sessions.end_of(name) for name in ("", "ada@example.org")
    ]
    async with guarded(store) as other:
        assert 401 == (await other.http.get("/api/v1/me", headers=cookies)).status_code


async def test_a_provider_that_is_away_is_told_and_tokens_still_work(
    settings: ServerSettings, store: Store
) -> None:
    gone = msgspec.structs.replace(
        settings, oidc_issuer=f"http://127.0.0.1:{free_port()}"
    )
    async with provided(gone, store) as site:
        answer = await site.http.get("/api/v1/oidc/login")

    assert 503 == answer.status_code
    assert "does not answer" in answer.text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"oidc_issuer": "http://id.example.org"}, "must begin with https"),
        ({"oidc_client_id": ""}, "needs oidc_client_id"),
        ({"login": "auto"}, "needs login = required"),
        ({"public_url": ""}, "public_url"),
        ({"oidc_grants": ()}, "nobody is let in"),
        ({"oidc_grants": ("root:groups=ops",)}, "write read, control, admin"),
        ({"oidc_grants": ("admin",)}, "write read, control, admin"),
        ({"oidc_client_secret_file": "/nowhere"}, "oidc_client_secret_file"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(
    settings: ServerSettings, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        access_of(msgspec.structs.replace(settings, **change), object())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"groups": ["ops", "x"]}, "admin"),
        ({"groups": "ops"}, "admin"),
        ({"email": "a@e.org", "email_verified": True}, "read"),
        ({"email": "a@e.org", "email_verified": True, "groups": ["ops"]}, "admin"),
        ({"email": "a@e.org", "email_verified": "true"}, None),
        ({"email": "a@e.org"}, None),
        ({"email": "a@e.org.evil", "email_verified": True}, None),
        ({"groups": ["OPS", "ops2", 7]}, None),
        ({}, None),
    ],
)
def test_nobody_may_more_than_a_rule_says(
    claims: dict[str, Any], expected: str | None
) -> None:
    grants = grants_of(["read:email=*@e.org", "admin:groups=ops"])
    try:
        found: str | None = scope_of({"sub": "1"} | claims, grants)
    except ForbiddenError:
        found = None

    assert expected == found
