"""How much is stored of whom, without reading it all.

Blocks are summed by an index that holds what is summed. Of other collections as much
is read as tells it well enough: all of a small one, some of a large one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from pymongo.errors import OperationFailure

from robometrics.keeping import SECONDS_PER_DAY
from robometrics.store import batches
from robometrics.store.driver import Database, plain
from robometrics.store.failures import translated
from robometrics.store.kept import Kept
from robometrics.store.keys import Series

EXACT_DOCUMENTS_MAX = 20_000
SAMPLE_DOCUMENTS = 5_000
RECENT_SECONDS = 7 * SECONDS_PER_DAY
"""Over so much growth is measured, at least; or over all there is."""

_TELLING_BYTES = 1 << 20
"""Files of less are mostly what empty ones have too."""

_NO_SUCH_COLLECTION = 26
_COMPRESSION_MAX = 50
"""A file that seems to be smaller has not been written yet: it is once a minute."""


class CollectionSize(NamedTuple):
    """One collection; of the disk as of the last checkpoint, at most a minute ago."""

    documents: int = 0
    bson_bytes: int = 0
    data_bytes: int = 0
    """Of the disk, its indexes not counted."""

    index_bytes: int = 0
    reusable_bytes: int = 0
    """Of deleted documents: kept by the file, for what comes."""

    @property
    def disk_bytes(self) -> int:
        return self.data_bytes + self.index_bytes

    @property
    def disk_per_bson(self) -> float:
        """Return how many bytes of the disk one of a document takes, about."""
        ratio = self.disk_bytes / self.bson_bytes if self.bson_bytes else 1.0
        return ratio if self.bson_bytes > _TELLING_BYTES else min(ratio, 1.0)


class Disk(msgspec.Struct, kw_only=True):
    """The filesystem on which the database lies, as the database tells it."""

    total_bytes: int
    used_bytes: int
    """By whatever is on it."""

    free_bytes: int

    @property
    def is_known(self) -> bool:
        """Tell whether the database told it: not before anything is stored."""
        return self.total_bytes > 0


class Share(msgspec.Struct):
    """What one series has of one collection."""

    series: Series
    bson_bytes: float
    samples: float
    recent_bytes: float
    """Of ``RECENT_SECONDS``."""


class Shares(msgspec.Struct):
    """One collection, by series."""

    found: list[Share]
    first_slot: int
    """Of the oldest document."""

    recent_seconds: int
    """The time in which the recent ones came."""

    is_estimate: bool = False
    """Whether only some of the documents were looked at."""


class Sizes:
    """Asks one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def disk(self) -> Disk:
        """Return what the database says of its disk.

        Raises:
            RetryLaterError: It is away.
        """
        with translated():
            found = await self._database.command("dbStats")
        total_bytes = int(found.get("fsTotalSize", 0))
        used_bytes = int(found.get("fsUsedSize", 0))
        return Disk(
            total_bytes=total_bytes,
            used_bytes=used_bytes,
            free_bytes=max(total_bytes - used_bytes, 0),
        )

    async def collection(self, name: str) -> CollectionSize:
        """Return how large a collection is; one that is not there is empty."""
        stats: dict[str, Any] = {}
        with translated():
            try:
                cursor = self._database[name].aggregate(
                    [{"$collStats": {"storageStats": {}}}]
                )
                async for row in cursor:
                    stats = row["storageStats"]
            except OperationFailure as exc:
                if exc.code != _NO_SUCH_COLLECTION:
                    raise
        bson_bytes = plain(stats.get("size", 0))
        reusable_bytes = plain(stats.get("freeStorageSize", 0))
        data_bytes = plain(stats.get("storageSize", 0)) - reusable_bytes
        if data_bytes * _COMPRESSION_MAX < bson_bytes:
            data_bytes = bson_bytes
        return CollectionSize(
            documents=plain(stats.get("count", 0)),
            bson_bytes=bson_bytes,
            data_bytes=data_bytes,
            index_bytes=plain(stats.get("totalIndexSize", 0)),
            reusable_bytes=reusable_bytes,
        )

    async def shares(
        self, kept: Kept, documents: int, now: int, since: int = 0
    ) -> Shares:
        """Return what each series has of a collection of about so many *documents*.

        Args:
            kept: Which.
            documents: How many there are, about.
            now: A slot.
            since: First slot of anything; documents of long spans may begin before.
        """
        align = kept.align_seconds
        begin = -(-(now - max(RECENT_SECONDS, 2 * align)) // align) * align
        is_covered = kept.collection == batches.BLOCKS
        is_fresh = kept.collection == batches.COLLECTION
        is_estimate = not is_covered and documents > EXACT_DOCUMENTS_MAX
        start = {"$toLong": "$slot" if is_fresh else "$start"}
        size: Any = "$bytes" if is_covered else {"$bsonSize": "$$ROOT"}
        recent = {"$gte": [start, 1_000 * begin]}
        group = {
            "_id": {"host": "$host", "kind": "$kind", "name": "$name"},
            "bytes": {"$sum": size},
            "samples": {"$sum": "$count" if is_fresh else "$samples"},
            "recent": {"$sum": {"$cond": [recent, size, 0]}},
            "first_ms": {"$min": start},
            "last_ms": {"$max": start},
            "documents": {"$sum": 1},
        }
        pipeline: list[dict[str, Any]] = [{"$group": group}]
        options: dict[str, Any] = {}
        if is_covered:
            options["hint"] = dict.fromkeys(batches.BLOCK_INDEX, 1)
        if is_estimate:
            pipeline.insert(0, {"$sample": {"size": SAMPLE_DOCUMENTS}})
        collection = self._database[kept.collection]
        with translated():
            cursor = collection.aggregate(pipeline, allowDiskUse=True, **options)
            rows = await cursor.to_list(None)
        if not rows:
            return Shares([], now, 0)
        first_slot = min(int(row["first_ms"]) for row in rows) // 1_000
        last_slot = max(int(row["last_ms"]) for row in rows) // 1_000
        stop = min(last_slot + align, now)
        if stop < now - SECONDS_PER_DAY:
            stop = now  # nothing comes any more
        seen = sum(row["documents"] for row in rows)
        scale = max(documents / seen, 1.0) if is_estimate else 1.0
        found = [
            Share(
                Series(**row["_id"]),
                scale * row["bytes"],
                scale * row["samples"],
                scale * row["recent"],
            )
            for row in rows
        ]
        begin = max(begin, first_slot, since)
        return Shares(found, first_slot, max(stop - begin, 1), is_estimate)
