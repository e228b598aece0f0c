"""How many websockets one viewer may have."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from waiting import eventually
from websockets.exceptions import ConnectionClosed

from robometrics.api.access import sockets
from robometrics.store import Store

from .conftest import Served
from .guarding import bearer, guarded, new_token
from .viewing import Client, viewing


@pytest.fixture
def store(unprepared: Store) -> Store:
    return unprepared


async def close_code(client: Client) -> int | None:
    """Return by which code it was turned away, ``None`` if it was let in."""
    try:
        await client.socket.send('{"op":"ping"}')
        await client.socket.recv()
    except ConnectionClosed:
        return client.socket.close_code
    return None


async def test_one_viewer_has_so_many_views_and_takes_none_from_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SOCKETS_EACH_MAX", 2)
    ada, bob = [bearer(await new_token(store, name=name)) for name in ("ada", "bob")]
    async with guarded(store) as site, AsyncExitStack() as views:

        async def view(who: dict[str, str]) -> Client:
            opened = viewing(site, additional_headers=who)
            return await views.enter_async_context(opened)

        first, *others = [await view(who) for who in (ada, ada, ada, bob)]
        assert [None, None, 4429, None] == [
            await close_code(each) for each in (first, *others)
        ]
        await first.socket.close()
        await eventually(lambda: is_let_in(site, ada))


async def test_all_viewers_together_have_so_many(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SOCKETS_MAX", 1)
    ada, bob = [bearer(await new_token(store, name=name)) for name in ("ada", "bob")]
    async with guarded(store) as site:
        async with (
            viewing(site, additional_headers=ada) as one,
            viewing(site, additional_headers=bob) as other,
        ):
            assert [None, 4429] == [await close_code(each) for each in (one, other)]
        await eventually(lambda: is_let_in(site, bob))


async def is_let_in(site: Served, who: dict[str, str]) -> bool:
    async with viewing(site, additional_headers=who) as client:
        return await close_code(client) is None
