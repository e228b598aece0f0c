"""Browsers log in by a token, once; then a cookie stands for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from waiting import eventually

from robometrics.api.access import attempts
from robometrics.api.access.callers import COOKIE
from robometrics.store import Store
from robometrics.store.sessions import Session
from robometrics.tokens import digest_of, make_token

from .conftest import Served
from .guarding import bearer, guarded, new_token
from .viewing import viewing


@pytest.fixture
def store(unprepared: Store) -> Store:
    return unprepared


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Served]:
    async with guarded(store) as found:
        yield found


async def log_in(site: Served, token: str, **more: Any) -> httpx.Response:
    """Log in with another browser: what it is given is not kept here."""
    async with httpx.AsyncClient(base_url=site.url) as http:
        return await http.post("/api/v1/login", json={"token": token}, **more)


def session_of(answer: httpx.Response) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}"}


async def test_a_browser_that_logged_in_is_known_by_its_cookie(
    site: Served, store: Store
) -> None:
    token = await new_token(store, "control", "ada")
    answer = await log_in(site, token)
    me = await site.http.get("/api/v1/me", headers=session_of(answer))
    refused = await site.http.get("/api/v1/me")

    assert (200, 401) == (me.status_code, refused.status_code)
    assert ("ada", "control", "required") == (
        me.json()["name"],
        me.json()["scope"],
        me.json()["login"],
    )
    assert answer.json() == me.json()


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(
    site: Served, store: Store
) -> None:
    answer = await log_in(site, await new_token(store))
    attributes = answer.headers["set-cookie"].split("; ")

    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes, "a browser would not keep it over plain http"
    assert answer.cookies[COOKIE] not in answer.text
    found = await store.sessions.find(digest_of(answer.cookies[COOKIE]))
    assert found is not None
    assert timedelta(days=6) < found.expires_at - datetime.now(timezone.utc)


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        (("127.0.0.1",), ("__Host-robometrics", True, "10.9.8.7")),
        ((), ("robometrics", False, "127.0.0.1")),
    ],
    ids=["trusted", "unknown"],
)
async def test_only_a_trusted_proxy_is_believed_whom_it_asks_for_and_how(
    store: Store, proxies: tuple[str, ...], expected: tuple[str, bool, str]
) -> None:
    """By https the cookie is for https alone; nobody else can pretend to that."""
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.9.8.7"}
    async with guarded(store, trusted_proxies=proxies) as site:
        answer = await log_in(site, await new_token(store), headers=said)
        cookie = answer.headers["set-cookie"]
        name, secret = cookie.partition(";")[0].split("=")
        again = await status(site, said | {"Cookie": f"{name}={secret}"})
    [deed] = await store.deeds.latest(1)

    assert expected == (name, "Secure" in cookie.split("; "), deed.address)
    assert 200 == again


async def test_a_session_holds_on_another_server_and_after_a_restart(
    store: Store,
) -> None:
    token = await new_token(store)
    async with guarded(store) as one:
        session = session_of(await log_in(one, token))
    async with guarded(store) as other:
        answer = await other.http.get("/api/v1/me", headers=session)
        stranger = await other.http.get(
            "/api/v1/me", headers={"Cookie": f"{COOKIE}=made-up"}
        )

    assert (200, 401) == (answer.status_code, stranger.status_code)


@pytest.mark.usefixtures("quick")
async def test_a_session_that_was_logged_out_is_not_to_be_replayed(
    site: Served, store: Store
) -> None:
    token = await new_token(store)
    gone, kept = [session_of(await log_in(site, token)) for _ in range(2)]
    assert 200 == await status(site, gone)

    async with guarded(store) as other:
        assert 200 == await status(other, gone)
        done = await site.http.post("/api/v1/logout", json={}, headers=gone)

        async def is_refused_everywhere() -> bool:
            return [401, 401] == [await status(each, gone) for each in (site, other)]

        await eventually(is_refused_everywhere, 5)
        assert [200, 200] == [await status(each, kept) for each in (site, other)]
    assert 204 == done.status_code
    assert "Max-Age=0" in done.headers["set-cookie"]


@pytest.mark.usefixtures("quick")
async def test_a_session_ends_with_the_token_that_began_it(
    site: Served, store: Store
) -> None:
    token = await new_token(store, name="ada")
    session = session_of(await log_in(site, token))
    async with viewing(site, additional_headers=session) as viewer:
        await viewer.socket.send('{"op":"ping"}')
        assert '{"op":"pong"}' == await viewer.socket.recv()
        await store.tokens.revoke("ada")
        await new_token(store, name="ada")
        await viewer.socket.wait_closed()

    assert 4401 == viewer.socket.close_code
    assert 401 == await status(site, session)


async def test_a_session_ends_no_later_than_its_token(
    site: Served, store: Store
) -> None:
    answer = await log_in(site, await new_token(store, seconds=60))
    max_age = next(
        int(part.partition("=")[2])
        for part in answer.headers["set-cookie"].split("; ")
        if part.startswith("Max-Age")
    )

    assert 0 < max_age <= 60


async def test_an_expired_session_is_refused_before_the_database_drops_it(
    site: Served, store: Store
) -> None:
    token = await new_token(store)
    now = datetime.now(timezone.utc)
    for name, seconds in (("over", -1), ("on", 60)):
        session = Session(
            token_digest=digest_of(token), expires_at=now + timedelta(seconds=seconds)
        )
        await store.sessions.begin(digest_of(name), session)
    found = {
        name: await status(site, {"Cookie": f"{COOKIE}={name}"})
        for name in ("over", "on")
    }

    assert {"over": 401, "on": 200} == found


async def test_a_token_is_no_session_and_a_session_no_token(
    site: Served, store: Store
) -> None:
    token = await new_token(store)
    answer = await log_in(site, token)
    secret = answer.cookies[COOKIE]

    assert 401 == await status(site, {"Cookie": f"{COOKIE}={token}"})
    assert 401 == await status(site, bearer(secret))
    assert 200 == await status(site, session_of(answer))


async def test_each_login_begins_a_session_of_its_own_and_ends_the_one_before(
    site: Served, store: Store
) -> None:
    """A session that somebody else put into a browser is not what it goes on with."""
    token = await new_token(store)
    planted = session_of(await log_in(site, token))
    answer = await log_in(site, token, headers=planted)

    assert planted != session_of(answer)
    assert [401, 200] == [
        await status(site, planted),
        await status(site, session_of(answer)),
    ]


async def test_a_foreign_page_logs_nobody_in_or_out(site: Served, store: Store) -> None:
    token = await new_token(store)
    session = session_of(await log_in(site, token))
    foreign = {"Origin": "http://evil.example"}
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    out = await site.http.post("/api/v1/logout", json={}, headers=session | foreign)
    formed = await site.http.post("/api/v1/logout", headers=session | as_form)

    assert 403 == (await log_in(site, token, headers=foreign)).status_code
    assert [403, 415] == [out.status_code, formed.status_code]
    assert 200 == await status(site, session)


async def status(site: Served, headers: dict[str, str]) -> int:
    return (await site.http.get("/api/v1/me", headers=headers)).status_code


async def test_who_goes_on_guessing_is_held_off_and_who_is_known_is_not(
    site: Served, store: Store
) -> None:
    token = await new_token(store)
    session = session_of(await log_in(site, token))
    assert 200 == await status(site, session)
    guesses = [
        (await log_in(site, make_token())).status_code
        for _ in range(attempts.FAILURES_MAX + 3)
    ]
    held_off = await log_in(site, await new_token(store, name="other"))

    assert [401] * attempts.FAILURES_MAX + [429] * 3 == guesses
    assert (429, True) == (held_off.status_code, "retry-after" in held_off.headers)
    assert 429 == await status(site, bearer(make_token()))
    assert 200 == await status(site, session)
    assert 200 == await status(site, bearer(token))


async def test_the_page_sends_to_the_login_and_takes_along_what_was_asked_for(
    site: Served, store: Store
) -> None:
    away = await site.http.get("/", params={"host": "robot 7"})
    login = await site.http.get("/login")
    session = session_of(await log_in(site, await new_token(store)))
    page = await site.http.get("/", headers=session)

    assert (303, "login?host=robot%207") == (
        away.status_code,
        away.headers["location"].replace("+", "%20"),
    )
    assert 200 == login.status_code
    policy = login.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert (200, True) == (page.status_code, "main.js" in page.text)
