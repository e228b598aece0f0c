"""Databases of a benchmark, and how large a collection is on disk."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from robometrics.store import Store
from robometrics.store.driver import open_database

NAME = "benchmark"


@contextlib.asynccontextmanager
async def opened(url: str, name: str = NAME) -> AsyncIterator[tuple[Store, Any]]:
    """Yield the product's store, prepared, and the database it is in.

    Both write with the product's write concern: a majority's journals.
    """
    async with open_database(url, name) as database:
        store = Store(database)
        await store.prepare()
        yield store, database


async def disk_bytes(database: Any, collection: str) -> int:
    """Return the size of *collection* and its indexes on disk, all being written."""
    await database.client.admin.command("fsync")
    stats = await database.command("collStats", collection)
    return int(stats["storageSize"] + stats.get("totalIndexSize", 0))
