"""Databases as other releases left them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from servers import MongoServer

from robometrics.store import Store, open_store

from .fed import feed
from .golden_documents import VERSIONS, put, read_golden


@pytest.fixture(params=VERSIONS)
async def old(store: Store, request: pytest.FixtureRequest) -> Store:
    """The database of a release, after two hours of a small site."""
    await put(store, read_golden(request.param))
    return store


@pytest.fixture
async def today(shared_mongo: MongoServer, database_name: str) -> AsyncIterator[Store]:
    """The same two hours, as this release keeps them."""
    async with open_store(shared_mongo.url, f"{database_name}_today") as opened:
        await opened.prepare()
        await feed(opened)
        yield opened


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to come is there already."""
    monkeypatch.setattr("robometrics.consumers.rollup.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.broker.consumer.FETCH_SECONDS", 0.1)
