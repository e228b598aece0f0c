"""What a consumer was about to read alone: whoever dies of it leaves this behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from robometrics.store.driver import Database
from robometrics.store.failures import translated

COLLECTION = "trials"
KEPT_SECONDS = 30 * 86_400
"""A trial is ended by what it is about; this is for what went another way."""


class Trials:
    """The trials that were begun and have not ended, in one database."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def begin(self, key: str) -> None:
        """Count one trial more.

        Raises:
            RetryLaterError: It may not be counted.
        """
        with translated():
            await self._collection.update_one(
                {"_id": key},
                {"$inc": {"count": 1}, "$set": {"at": datetime.now(timezone.utc)}},
                upsert=True,
            )

    async def end(self, key: str) -> None:
        with translated():
            await self._collection.delete_one({"_id": key})

    async def counts(self, keys: Sequence[str]) -> list[int]:
        """Return how many trials of each were begun and have not ended."""
        with translated():
            cursor = self._collection.find({"_id": {"$in": list(keys)}})
            found = {row["_id"]: int(row["count"]) async for row in cursor}
        return [found.get(key, 0) for key in keys]
