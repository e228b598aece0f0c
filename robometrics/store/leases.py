"""Leases: one of many does a work, and another one when it does not answer any more.

They save work; nothing is wrong if two hold one for a moment. Times are the server's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from robometrics.store.driver import Database
from robometrics.store.failures import translated

COLLECTION = "leases"


class Held(msgspec.Struct, kw_only=True):
    """One lease, as it is."""

    holder: str
    seconds_left: float
    """Below 0: it has lapsed."""

    now: datetime
    """By the server's clock."""

    said: dict[str, Any] = {}
    """What the holder told of its work."""


class Lease:
    """One work, and who does it."""

    def __init__(self, database: Database, work: str) -> None:
        self._collection = database[COLLECTION]
        self._work = work

    async def take(self, holder: str, seconds: float) -> Held:
        """Have it for *seconds* from now, if nobody else has; return who has it.

        Raises:
            RetryLaterError: The database is away.
        """
        is_free = {
            "$or": [
                {"$eq": [{"$ifNull": ["$holder", holder]}, holder]},
                {"$lte": ["$until", "$$NOW"]},
            ]
        }
        until = {"$add": ["$$NOW", round(1_000 * seconds)]}
        asked = {
            "now": "$$NOW",
            "holder": {"$cond": [is_free, {"$literal": holder}, "$holder"]},
            "until": {"$cond": [is_free, until, "$until"]},
        }
        with translated():
            try:
                document = await self._collection.find_one_and_update(
                    {"_id": self._work},
                    [{"$set": asked}],
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:  # two made it; the other one has it
                document = await self._collection.find_one({"_id": self._work})
        return _held(document)

    async def tell(self, holder: str, said: dict[str, Any]) -> None:
        """Leave word of the work, for whoever asks; only the holder's counts."""
        with translated():
            await self._collection.update_one(
                {"_id": self._work, "holder": holder}, {"$set": {"said": said}}
            )

    async def give_up(self, holder: str) -> None:
        """Let another one have it at once."""
        with translated():
            await self._collection.update_one(
                {"_id": self._work, "holder": holder},
                [{"$set": {"until": "$$NOW"}}],
            )

    async def read(self) -> Held | None:
        """Return who has it, ``None`` if nobody ever had."""
        with translated():
            cursor = self._collection.aggregate(
                [
                    {"$match": {"_id": self._work}},
                    {"$set": {"now": "$$NOW"}},
                ]
            )
            async for row in cursor:
                return _held(row)
        return None


def _held(document: dict[str, Any]) -> Held:
    left = document["until"] - document["now"]
    return Held(
        holder=document["holder"],
        seconds_left=left.total_seconds(),
        now=document["now"],
        said=document.get("said", {}),
    )
