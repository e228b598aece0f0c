"""Each route needs a scope, and none is forgotten."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar, get
from litestar.middleware import DefineMiddleware
from litestar.testing import TestClient

from robometrics.api.access import scopes
from robometrics.api.access.gate import Access, Gate
from robometrics.api.access.names import Names
from robometrics.api.app import make_app
from robometrics.api.problems import EXCEPTION_HANDLERS
from robometrics.broker import open_link
from robometrics.store import Store
from robometrics.tokens import SCOPES, Scope, covers

from .conftest import Served
from .guarding import NO_BROKER, bearer, guarded, new_token

OPEN = {path for path, scope in scopes.SCOPES.items() if scope is None}


@pytest.fixture
def store(unprepared: Store) -> Store:
    return unprepared


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Served]:
    async with guarded(store) as found:
        yield found


async def paths_of(store: Store) -> dict[str, set[str]]:
    """Return the methods of each route, websockets as ``WEBSOCKET``."""
    async with open_link(NO_BROKER, "test") as link:
        routes = make_app(link, store).routes
    return {
        route.path_format: set(route.methods or {"WEBSOCKET"}) - {"OPTIONS"}
        for route in routes
    }


async def test_every_route_has_its_scope_in_the_table(store: Store) -> None:
    assert set(scopes.SCOPES) == set(await paths_of(store))


async def test_health_and_the_way_in_alone_are_open_to_everybody() -> None:
    assert {
        "/health",
        "/api/v1/health/live",
        "/api/v1/health/ready",
        "/login",
        "/api/v1/login",
        "/api/v1/logout",
        "/api/v1/oidc/login",
        "/api/v1/oidc/callback",
    } == OPEN


async def test_a_route_that_was_forgotten_lets_nobody_in(store: Store) -> None:
    @get("/forgotten")
    async def forgotten() -> str:
        return "a secret"

    access = Access(store, Names(allowed=["testserver.local"]))
    app = Litestar(
        [forgotten],
        middleware=[DefineMiddleware(Gate, access=access)],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    with TestClient(app) as client:
        answer = client.get("/forgotten")

    assert 403 == answer.status_code
    assert "a secret" not in answer.text


async def test_without_a_token_every_route_but_the_open_ones_is_closed(
    site: Served, store: Store
) -> None:
    found = {}
    for path, methods in (await paths_of(store)).items():
        for method in methods - {"WEBSOCKET"}:
            address = re.sub(r"{\w+}", "x", path)
            answer = await site.http.request(method, address)
            found[path, method] = answer.status_code
    closed = {path for path, status in found.items() if status in (303, 401)}

    assert {key for key in found if key[0] not in OPEN} == closed


async def test_with_a_scope_all_it_covers_is_open_and_nothing_more(
    site: Served, store: Store
) -> None:
    tokens = {scope: await new_token(store, scope) for scope in SCOPES}
    routes = await paths_of(store)
    expected, found = {}, {}
    for scope, token in tokens.items():
        for path, methods in routes.items():
            needs = scopes.SCOPES[path]
            if needs is None or "WEBSOCKET" in methods:
                continue
            method = min(methods)
            address = re.sub(r"{\w+}", "x", path)
            answer = await site.http.request(method, address, headers=bearer(token))
            expected[scope, path] = covers(scope, needs)
            # Let in, it may be a wrong request, and the broker is away.
            found[scope, path] = answer.status_code not in (401, 403)

    assert expected == found


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_covers_itself_and_those_before(scope: Scope) -> None:
    place = SCOPES.index(scope)
    assert [True] * (place + 1) + [False] * (2 - place) == [
        covers(scope, needed) for needed in SCOPES
    ]
