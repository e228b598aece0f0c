"""Stores that tests fill with much, in little blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from robometrics.store import Store, merging


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "BLOCK_SAMPLES_MAX", 20)


@pytest.fixture
async def emptied(store: Store) -> AsyncIterator[None]:
    """Leave no database behind that only takes room."""
    yield
    await store._database.client.drop_database(store._database.name)
