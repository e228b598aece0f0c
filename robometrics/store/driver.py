"""Which MongoDB driver is used; PyMongo's own async API is the next one.

motor is deprecated by its makers. To switch: import ``AsyncMongoClient`` from
``pymongo`` in the first line below, and drop motor from ``pyproject.toml``.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient as Client
from pymongo import ReadPreference
from pymongo.write_concern import WriteConcern

# The drivers' classes for it differ in name and are alike in use.
Database = Any


def plain(value: Any) -> Any:
    """Return *value*, an integer without the driver's class that msgspec refuses."""
    return int(value) if isinstance(value, int) else value


@asynccontextmanager
async def open_database(url: str, name: str) -> AsyncIterator[Database]:
    """Yield database *name* at *url*; writes wait for a majority's journals.

    It does not wait for the server.
    """
    client: Any = Client(
        url,
        appname="robometrics",
        serverSelectionTimeoutMS=3_000,
        connectTimeoutMS=3_000,
        socketTimeoutMS=30_000,
        retryWrites=False,  # our writes are idempotent, and standalones refuse it
        tz_aware=True,
    )
    try:
        yield client.get_database(
            name,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000),
            read_preference=ReadPreference.PRIMARY_PREFERRED,
        )
    finally:
        closing = client.close()
        if inspect.isawaitable(closing):
            await closing
