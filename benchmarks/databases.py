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
    """Return what *collection* and its indexes take on disk, all being written.

    What its file has free is left out: it is used again, and how much there is depends
    on when checkpoints were. So one content has one size, however it came about.
    """
    await database.client.admin.command("fsync")
    stats = await database.command("collStats", collection)
    in_use = stats["storageSize"] - stats.get("freeStorageSize", 0)
    return int(in_use + stats.get("totalIndexSize", 0))
