"""Nobody gets past the gate without a token, nor beyond what it is for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from builders import process_batch
from servers import MongoServer
from waiting import eventually
from websockets.asyncio.client import connect

from robometrics.api.access import callers, scopes, sockets
from robometrics.api.access.names import Names
from robometrics.store import Store, open_store
from robometrics.tokens import make_token

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


async def test_a_token_of_the_right_scope_is_let_in(site: Served, store: Store) -> None:
    token = await new_token(store)
    for path in ("/api/v1/hosts", "/metrics", "/prometheus"):
        refused = await site.http.get(path)
        answer = await site.http.get(path, headers=bearer(token))
        assert (401, "Bearer") == (
            refused.status_code,
            refused.headers["www-authenticate"],
        )
        assert 200 == answer.status_code


async def test_prometheus_clients_are_refused_in_their_own_words(
    site: Served, store: Store
) -> None:
    path = "/prometheus/api/v1/query"
    refused = await site.http.post(path, data={"query": "1+1"})
    token = await new_token(store)
    answer = await site.http.post(path, data={"query": "1+1"}, headers=bearer(token))

    assert (401, "error", "unauthorized") == (
        refused.status_code,
        refused.json()["status"],
        refused.json()["errorType"],
    )
    assert "success" == answer.json()["status"]


async def test_control_is_not_for_readers(site: Served, store: Store) -> None:
    body = {"host": "robot", "process": "planner"}
    answers = {
        scope: await site.http.post(
            "/api/v1/burst", json=body, headers=bearer(await new_token(store, scope))
        )
        for scope in ("read", "control")
    }

    assert 403 == answers["read"].status_code
    assert "this needs control" in answers["read"].json()["detail"]
    assert 503 == answers["control"].status_code, "let in; the broker is away"


async def test_an_expired_token_is_refused_and_a_valid_one_is_not(
    site: Served, store: Store
) -> None:
    expired = await new_token(store, name="old", seconds=-1)
    valid = await new_token(store, name="new", seconds=3_600)

    assert 401 == await status(site, expired)
    assert 200 == await status(site, valid)


async def test_a_revoked_token_is_refused_within_seconds(
    site: Served, store: Store
) -> None:
    assert callers.KNOWN_SECONDS + sockets.RECHECK_SECONDS <= 5
    token = await new_token(store, name="gone")
    kept = await new_token(store, name="kept")
    assert 200 == await status(site, token)
    assert await store.tokens.revoke("gone")

    async def is_refused() -> bool:
        return 401 == await status(site, token)

    await eventually(is_refused, 5)
    assert 200 == await status(site, kept)


async def test_what_is_no_token_lets_nobody_in(site: Served) -> None:
    headers = [
        *("", "Bearer", f"Bearer {make_token()}", "Bearer " + "x" * 3_000),
        *("Basic cm9ib3Q6cm9ib3Q=", 'Bearer {"$ne": null}'),
    ]
    for header in headers:
        answer = await site.http.get("/api/v1/hosts", headers={"Authorization": header})
        assert 401 == answer.status_code


async def refusal(site: Served, token: str) -> int | None:
    """Return the code by which a websocket is turned away."""
    async with viewing(site, additional_headers=bearer(token)) as viewer:
        await viewer.socket.wait_closed()
    return viewer.socket.close_code


async def status(site: Served, token: str) -> int:
    return (await site.http.get("/api/v1/hosts", headers=bearer(token))).status_code


async def test_a_token_in_an_address_is_refused_even_if_it_is_right(
    site: Served, store: Store
) -> None:
    """Addresses end in logs, histories and referrers."""
    token = await new_token(store)
    for name in ("token", "access_token", "api_key", "TOKEN"):
        answer = await site.http.get(
            "/api/v1/hosts", params={name: token}, headers=bearer(token)
        )
        assert 400 == answer.status_code
        assert "Authorization: Bearer" in answer.json()["detail"]
        assert token not in answer.text
    for path in (f"/api/v1/hosts?x={token}", f"/serve/static?machine_id={token}"):
        assert 400 == (await site.http.get(path, headers=bearer(token))).status_code
    assert 200 == await status(site, token)


async def test_an_operator_of_mongodb_is_no_more_than_a_strange_name(
    site: Served, store: Store
) -> None:
    await store.fleet.see([process_batch()])
    headers = bearer(await new_token(store))
    found = {
        path: await site.http.get(path, headers=headers)
        for path in (
            "/api/v1/runs?host=robot&process=planner",
            '/api/v1/runs?host={"$gt":""}&process={"$gt":""}',
            "/api/v1/runs?host[$regex]=.*&process[$ne]=x",
            '/api/v1/query?host={"$gt":""}&metric=cpu_percent',
            '/serve/machine?machine_id={"$gt":""}',
        )
    }
    rows = {path: len(rows_of(answer)) for path, answer in found.items()}

    assert [1, 0, 0, 0, 0] == list(rows.values())


def rows_of(answer: httpx.Response) -> list[Any]:
    """Return what an answer holds, nothing if it is a refusal."""
    if answer.status_code in (400, 404):
        return []
    assert 200 == answer.status_code, answer.text
    found = answer.json()
    return list(found if isinstance(found, list) else found["runs"])


async def test_nor_is_one_in_a_body(site: Served, store: Store) -> None:
    await new_token(store)
    for token in ({"$ne": None}, {"$gt": ""}, ["x"], None, 1):
        answer = await site.http.post("/api/v1/login", json={"token": token})
        assert 400 == answer.status_code
        assert "set-cookie" not in answer.headers


async def test_on_its_own_host_nobody_has_to_log_in(store: Store) -> None:
    async with guarded(store, is_login_required=False) as site:
        assert 200 == (await site.http.get("/api/v1/hosts")).status_code
        me = (await site.http.get("/api/v1/me")).json()
        assert ("", "control", "off") == (me["name"], me["scope"], me["login"])
        assert 401 == (await site.http.get("/api/v1/tokens")).status_code


async def test_a_page_whose_name_leads_here_gets_nothing(store: Store) -> None:
    """DNS rebinding: the browser believes the foreign page to be of this server."""
    async with guarded(store, is_login_required=False) as site:
        found = {
            host: (await site.http.get("/api/v1/hosts", headers={"Host": host}))
            for host in ("localhost:8420", "evil.example:8420")
        }
        at = urlsplit(site.url)
        url = f"ws://evil.example:{at.port}/api/v1/live"
        async with connect(url, host=at.hostname) as socket:
            await socket.wait_closed()

    assert [200, 421] == [answer.status_code for answer in found.values()]
    assert 4421 == socket.close_code


async def test_a_foreign_page_commands_no_host(store: Store) -> None:
    """What is let in finds the broker away: 503."""
    names = Names(allowed=["metrics.example.org"])
    async with guarded(store, is_login_required=False, names=names) as site:
        expected = {
            "http://evil.example": 403,
            "null": 403,
            "http://127.0.0.1:1": 403,
            "https://metrics.example.org": 503,
            site.url: 503,
        }
        body = {"host": "a", "process": "b"}
        found = {}
        for origin in expected:
            answer = await site.http.post(
                "/api/v1/burst", json=body, headers={"Origin": origin}
            )
            found[origin] = answer.status_code

    assert expected == found


async def test_a_token_opens_the_websocket_and_nothing_else_does(
    site: Served, store: Store
) -> None:
    token = await new_token(store)
    async with viewing(site) as viewer:
        await viewer.socket.wait_closed()
        assert 4401 == viewer.socket.close_code
    async with viewing(site, additional_headers=bearer(make_token())) as viewer:
        await viewer.socket.wait_closed()
        assert 4401 == viewer.socket.close_code
    async with viewing(site, additional_headers=bearer(token)) as viewer:
        await viewer.socket.send('{"op":"ping"}')
        assert '{"op":"pong"}' == await viewer.socket.recv()


@pytest.mark.usefixtures("quick")
async def test_an_open_websocket_ends_with_its_token(
    site: Served, store: Store
) -> None:
    tokens = {name: await new_token(store, name=name) for name in ("gone", "kept")}
    async with (
        viewing(site, additional_headers=bearer(tokens["gone"])) as gone,
        viewing(site, additional_headers=bearer(tokens["kept"])) as kept,
    ):
        await store.tokens.revoke("gone")
        await gone.socket.wait_closed()
        await kept.socket.send('{"op":"ping"}')

        assert 4401 == gone.socket.close_code
        assert '{"op":"pong"}' == await kept.socket.recv()


@pytest.mark.usefixtures("quick")
async def test_an_open_websocket_ends_when_its_token_expires(
    site: Served, store: Store
) -> None:
    token = await new_token(store, seconds=0.5)
    async with viewing(site, additional_headers=bearer(token)) as viewer:
        await viewer.socket.wait_closed()

        assert 4401 == viewer.socket.close_code


async def test_a_database_that_is_away_lets_nobody_in_and_sends_nobody_away(
    mongo_server: MongoServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "KNOWN_SECONDS", -1)
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.05)
    async with open_store(mongo_server.url, database_name) as store:
        await store.prepare()
        token = await new_token(store)
        async with (
            guarded(store) as site,
            viewing(site, additional_headers=bearer(token)) as viewer,
        ):
            assert 200 == await status(site, token)
            mongo_server.kill()
            assert [503, 4503] == await asyncio.gather(
                status(site, token), refusal(site, token)
            )
            await viewer.socket.send('{"op":"ping"}')
            assert '{"op":"pong"}' == await viewer.socket.recv()


async def test_who_is_not_let_in_gets_the_files_to_log_in_and_no_others(
    site: Served,
) -> None:
    others = [
        *("/static/main.js", "/static/css/../main.js", "/static/login.js/../main.js"),
        *("/static/%2e%2e/errors.py", "/static/..%2f..%2ferrors.py"),
    ]
    found = {}
    for path in [*scopes.LOGIN_FILES, *others]:
        url = httpx.URL(site.url, raw_path=path.encode())
        found[path] = (await site.http.get(url)).status_code

    assert dict.fromkeys(scopes.LOGIN_FILES, 200) | dict.fromkeys(others, 401) == found
