"""Compaction: batches of an hour that is over become one block of each run.

Any number of compactors may work at once, beside live and late data, and die at any
moment. A block is replaced only while it is what it was when it was read, and a batch
is deleted only once the block that holds it is in a majority's journals. In between it
is in both, which readers know.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

import msgspec
from bson import encode
from bson.binary import Binary
from pymongo import ReadPreference
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from robometrics.errors import DiscardMessageError, RetryLaterError
from robometrics.store import blocks
from robometrics.store.batch_documents import (
    HIDDEN,
    RunStrip,
    check_identity,
    run_in,
    slot_of,
    strips_of,
)
from robometrics.store.batches import BLOCKS, COLLECTION, HOUR
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.keys import (
    Series,
    document_id,
    id_range,
    run_digest,
    run_of,
    series_digest,
    series_of,
)
from robometrics.store.layouts import keys_of
from robometrics.store.merging import BLOCK_CELLS_MAX, Block, Piece, merged
from robometrics.store.scanning import oldest, oldest_of_each

log = logging.getLogger(__name__)

_READ_SAMPLES = 100_000
_CONFLICTS_MAX = 50
_CONFLICT_SECONDS = 0.05
_ID = {"_id": 1}


class Compacted(msgspec.Struct):
    """What was done."""

    batches: int = 0
    """Moved into blocks."""

    blocks: int = 0
    """Written."""

    damaged: int = 0
    """Documents that cannot be read; they stay where they are."""

    hour: int = 0
    """Which it was, by its first slot."""


class _Found(NamedTuple):
    """Batches of one run."""

    series: Series
    run: RunStrip
    ids: list[Binary]


class Compactor:
    """Moves batches of one database into blocks."""

    def __init__(self, database: Database) -> None:
        self._fresh = database.get_collection(
            COLLECTION, read_preference=ReadPreference.PRIMARY
        )
        # What a block was seen to hold is deleted elsewhere: it must not roll back.
        self._blocks = database.get_collection(
            BLOCKS,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
        )

    async def compact(self, before: int) -> AsyncIterator[Compacted]:
        """Compact each hour that ended by slot *before*; yield after each.

        Raises:
            RetryLaterError: The database is away, or others always were faster.
        """
        async for first in oldest_of_each(self._fresh, _ID):
            digest = series_of(first["_id"])
            document: dict[str, Any] | None = first
            while document is not None:
                hour = slot_of(document) // HOUR * HOUR
                if hour + HOUR > before:
                    break
                yield await self.compact_hour(digest, hour)
                wanted = {"_id": id_range(digest, hour + HOUR, before)}
                document = await oldest(self._fresh, wanted, _ID)

    async def oldest_slot(self, series_max: int) -> int | None:
        """Return the oldest batch not in a block, of the first so many series."""
        found = None
        async for first in oldest_of_each(self._fresh, _ID):
            slot = slot_of(first)
            found = slot if found is None else min(found, slot)
            series_max -= 1
            if not series_max:
                break
        return found

    async def compact_hour(self, digest: bytes, hour: int) -> Compacted:
        """Move the batches of one series and hour.

        Raises:
            RetryLaterError: The database is away, or others always were faster.
        """
        done = Compacted(hour=hour)
        async for documents in self._portions(digest, hour):
            runs, damaged = await asyncio.to_thread(_readable, documents)
            done.damaged += damaged
            for found in runs:
                try:
                    done.blocks += await self._keep(hour, found)
                except DiscardMessageError:
                    done.damaged += 1
                    continue
                # They are in blocks now. One that comes again is a repeat. MongoDB 6
                # looks for many ids in the whole collection, if it is not bounded.
                bounds = {"$gte": found.ids[0], "$lte": found.ids[-1]}
                with translated():
                    await self._fresh.delete_many({"_id": {"$in": found.ids, **bounds}})
                done.batches += len(found.ids)
        return done

    async def _portions(
        self, digest: bytes, hour: int
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the batches of an hour by slot, a bounded number at a time."""
        wanted = {"_id": id_range(digest, hour, hour + HOUR)}
        portion: list[dict[str, Any]] = []
        keys: set[str] = set()
        samples = 0
        with translated():
            async for document in self._fresh.find(wanted, HIDDEN).sort("_id"):
                portion.append(document)
                samples += _samples(document)
                keys |= _keys(document)
                if samples >= _READ_SAMPLES or (
                    len(portion) * len(keys) >= BLOCK_CELLS_MAX
                ):
                    yield portion
                    portion, keys, samples = [], set(), 0
        if portion:
            yield portion

    async def _keep(self, hour: int, found: _Found) -> int:
        """Have blocks hold all batches of *found*; return how many were written.

        Raises:
            DiscardMessageError: One of the blocks there are is damaged.
            RetryLaterError: The database is away, or others always were faster.
        """
        for _ in range(_CONFLICTS_MAX):
            known = await self._known(hour, found)
            pieces = await asyncio.to_thread(merged, hour, known, found.run.strip)
            try:
                for piece in pieces:
                    await self._write(found, piece)
            except _Conflict:
                await asyncio.sleep(random.uniform(0, _CONFLICT_SECONDS))  # noqa: S311
            else:
                return len(pieces)
        raise RetryLaterError(f"MongoDB: {found.series}: a block changes all the time")

    async def _known(self, hour: int, found: _Found) -> list[Block]:
        """Return the blocks of a run in an hour, by start."""
        digest = series_digest(*found.series)
        run = run_digest(found.run.run, found.run.generation)
        with translated():
            of_all_runs = {"_id": id_range(digest, hour, hour + HOUR)}
            ids = [row["_id"] async for row in self._blocks.find(of_all_runs, _ID)]
            mine = {"_id": {"$in": [each for each in ids if run_of(each) == run]}}
            cursor = self._blocks.find(mine, {"summary": 0}).sort("_id")
            documents = await cursor.to_list(None)
        return await asyncio.to_thread(lambda: [*map(_block, documents)])

    async def _write(self, found: _Found, piece: Piece) -> None:
        """Write one block if it still is at its revision.

        Raises:
            _Conflict: It is not.
            RetryLaterError: It may not be stored.
        """
        run = found.run
        identifier = document_id(
            series_digest(*found.series),
            piece.start,
            run_digest(run.run, run.generation),
        )
        document = {
            "_id": identifier,
            **found.series._asdict(),
            "run": run.run,
            "generation": run.generation,
            "start": datetime.fromtimestamp(piece.start, timezone.utc),
            "revision": piece.revision + 1,
            **piece.fields,
            "bytes": 0,
        }
        document["bytes"] = len(encode(document))
        with translated():
            if piece.revision:
                known = {"_id": identifier, "revision": piece.revision}
                result = await self._blocks.replace_one(known, document)
                if not result.matched_count:
                    raise _Conflict
                return
            try:
                await self._blocks.insert_one(document)
            except DuplicateKeyError:
                raise _Conflict from None


class _Conflict(Exception):  # noqa: N818  it never leaves this module
    """Another compactor was faster."""


def _samples(document: dict[str, Any]) -> int:
    """Return how many samples are in the document of a batch, damaged or not."""
    count = document.get("count")
    return max(1, count) if isinstance(count, int) else 1


def _keys(document: dict[str, Any]) -> set[str]:
    """Return the metrics in the document of a batch, damaged or not."""
    layout = document.get("layout")
    return keys_of(layout) if isinstance(layout, str) else set()


def _readable(documents: list[dict[str, Any]]) -> tuple[list[_Found], int]:
    """Return the batches in *documents* by run, and how many are damaged."""
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    damaged: dict[str, DiscardMessageError] = {}
    for document in documents:
        try:
            check_identity(document)
        except DiscardMessageError as exc:
            damaged[document["_id"].hex()] = exc
        else:
            runs.setdefault(run_in(document), []).append(document)
    found = []
    for mine in runs.values():
        good = mine
        try:
            [strip] = strips_of(mine)
        except DiscardMessageError:
            good = [each for each in mine if _is_good(each, damaged)]
            if not good:
                continue
            [strip] = strips_of(good)
        series = Series(good[0]["host"], good[0]["kind"], good[0]["name"])
        found.append(_Found(series, strip, [each["_id"] for each in good]))
    if damaged:
        first, why = next(iter(damaged.items()))
        log.warning("%d batches are damaged, as %s: %s", len(damaged), first, why)
    return found, len(damaged)


def _is_good(document: dict[str, Any], damaged: dict[str, DiscardMessageError]) -> bool:
    """Return whether *document* can be read; if not, add it to *damaged*."""
    try:
        strips_of([document])
    except DiscardMessageError as exc:
        damaged[document["_id"].hex()] = exc
        return False
    return True


def _block(document: dict[str, Any]) -> Block:
    """Read one block.

    Raises:
        DiscardMessageError: It is damaged.
    """
    try:
        check_identity(document)
        return Block(
            slot_of(document), int(document["revision"]), blocks.unpack(document)
        )
    except (KeyError, TypeError, ValueError, DiscardMessageError) as exc:
        log.warning("block %s is damaged: %s", document["_id"].hex(), exc)
        raise DiscardMessageError(str(exc)) from exc
