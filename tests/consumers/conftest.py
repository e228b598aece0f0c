"""Consumers that wait for nothing which is there already."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from servers import MongoServer

from robometrics.store import Store, open_store


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to come is there already."""
    monkeypatch.setattr("robometrics.consumers.rollup.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.broker.consumer.FETCH_SECONDS", 0.1)


@pytest.fixture
async def breakable(
    mongo_server: MongoServer, database_name: str
) -> AsyncIterator[Store]:
    """The store in a database that a test may kill."""
    async with open_store(
        f"{mongo_server.url}/?serverSelectionTimeoutMS=300", database_name
    ) as store:
        await store.prepare()
        yield store
