"""What the database is, and whether it is prepared."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec

from robometrics.store.driver import Database
from robometrics.store.failures import translated


class DatabaseState(msgspec.Struct, kw_only=True):
    """What the database said of itself."""

    version: str
    now: datetime
    """Its clock."""

    is_writable: bool
    """Whether there is a primary; a standalone is its own."""

    replica_set: str
    """Its name; empty for a standalone."""

    members: int
    missing: list[str]
    """Collections that are not there, or not as they should be."""


async def inspect_database(database: Database, clustered: list[str]) -> DatabaseState:
    """Ask the database; change nothing.

    Raises:
        RetryLaterError: It is away.
    """
    with translated():
        hello = await database.command("hello")
        build = await database.command("buildInfo")
        found = {
            each["name"]
            async for each in await database.list_collections()
            if each.get("options", {}).get("clusteredIndex")
        }
    return DatabaseState(
        version=build["version"],
        now=hello["localTime"].replace(tzinfo=timezone.utc),
        is_writable=bool(hello.get("isWritablePrimary")),
        replica_set=hello.get("setName", ""),
        members=len(hello.get("hosts", ())) or 1,
        missing=[name for name in clustered if name not in found],
    )
