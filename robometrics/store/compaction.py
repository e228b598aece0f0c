"""Compaction: batches of an hour that is over become one block of each run.

Any number of compactors may work at once, beside live and late data, and die at any
moment. A block is replaced only while it is what it was when it was read, and a batch
is deleted only once the block that holds it is in a majority's journals. In between it
is in both, which readers know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import msgspec
import numpy as np
from bson import encode
from pymongo.errors import DuplicateKeyError

from robometrics.errors import DiscardMessageError, RetryLaterError
from robometrics.store import blocks
from robometrics.store.batch_documents import HIDDEN, RunStrip, slot_of, strips_of
from robometrics.store.batches import BLOCKS, COLLECTION, HOUR
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.keys import (
    Series,
    document_id,
    id_range,
    run_digest,
    series_digest,
    series_of,
)
from robometrics.store.scanning import oldest, oldest_of_each
from robometrics.store.strips import Strip, joined

log = logging.getLogger(__name__)

BLOCK_SAMPLES_MAX = 200_000
"""A run with more in an hour gets several blocks: documents have 16 MB at most."""

_READ_SAMPLES = 100_000
_CONFLICTS_MAX = 50
_SLOT = {"slot": 1}


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


class _Target(NamedTuple):
    """A block that is there already, or is to be."""

    start: int
    revision: int
    """0: it is not there."""

    strip: Strip | None


class Compactor:
    """Moves batches of one database into blocks."""

    def __init__(self, database: Database) -> None:
        self._fresh = database[COLLECTION]
        self._blocks = database[BLOCKS]

    async def compact(self, before: int) -> AsyncIterator[Compacted]:
        """Compact each hour that ended by slot *before*; yield after each.

        Raises:
            RetryLaterError: The database is away, or others always were faster.
        """
        async for first in oldest_of_each(self._fresh, _SLOT):
            digest = series_of(first["_id"])
            document: dict[str, Any] | None = first
            while document is not None:
                hour = slot_of(document) - slot_of(document) % HOUR
                if hour + HOUR > before:
                    break
                yield await self.compact_hour(digest, hour)
                wanted = {"_id": id_range(digest, hour + HOUR, before)}
                document = await oldest(self._fresh, wanted, _SLOT)

    async def oldest_slot(self, series_max: int) -> int | None:
        """Return the oldest batch not in a block, of the first so many series."""
        found = None
        async for first in oldest_of_each(self._fresh, _SLOT):
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
            readable, strips = await asyncio.to_thread(_readable, documents)
            done.damaged += len(documents) - len(readable)
            if not readable:
                continue
            about = readable[0]
            series = Series(about["host"], about["kind"], about["name"])
            try:
                for found in strips:
                    done.blocks += await self._keep(series, hour, found)
            except DiscardMessageError as exc:
                # Its batches wait beside it, where they can be read.
                log.warning("a block of %s at %d is damaged: %s", series, hour, exc)
                done.damaged += 1
                continue
            ids = [document["_id"] for document in readable]
            # Each of them is in a block now. One that comes again is a repeat. Without
            # bounds MongoDB 6 looks for many ids in the whole collection.
            these = {"$in": ids, "$gte": ids[0], "$lte": ids[-1]}
            with translated():
                await self._fresh.delete_many({"_id": these})
            done.batches += len(readable)
        return done

    async def _portions(
        self, digest: bytes, hour: int
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the batches of an hour by slot, a bounded number at a time."""
        wanted = {"_id": id_range(digest, hour, hour + HOUR)}
        portion: list[dict[str, Any]] = []
        samples = 0
        with translated():
            async for document in self._fresh.find(wanted, HIDDEN).sort("_id"):
                portion.append(document)
                samples += document["count"]
                if samples >= _READ_SAMPLES:
                    yield portion
                    portion, samples = [], 0
        if portion:
            yield portion

    async def _keep(self, series: Series, hour: int, found: RunStrip) -> int:
        """Have blocks hold all batches of *found*; return how many were written."""
        for _ in range(_CONFLICTS_MAX):
            targets = await self._targets(series, hour, found)
            try:
                return await self._merge(series, targets, found)
            except _Conflict:
                continue
        raise RetryLaterError(f"MongoDB: {series}: a block changes all the time")

    async def _targets(
        self, series: Series, hour: int, found: RunStrip
    ) -> list[_Target]:
        """Return the blocks of a run in an hour, by start; the first begins with it."""
        wanted = {
            "_id": id_range(series_digest(*series), hour, hour + HOUR),
            "run": found.run,
            "generation": found.generation,
        }
        with translated():
            documents = await self._blocks.find(wanted).sort("_id").to_list(None)
        targets = await asyncio.to_thread(
            lambda: [
                _Target(
                    round(document["start"].timestamp()),
                    document["revision"],
                    blocks.unpack(document),
                )
                for document in documents
            ]
        )
        if not targets or targets[0].start > hour:
            targets.insert(0, _Target(hour, 0, None))
        return targets

    async def _merge(
        self, series: Series, targets: Sequence[_Target], found: RunStrip
    ) -> int:
        written = 0
        stops = [target.start for target in targets[1:]] + [targets[0].start + HOUR]
        for target, stop in zip(targets, stops, strict=True):
            mine = found.strip.between(target.start, stop)
            pieces = await asyncio.to_thread(_pieces, target, mine)
            # The last one first: until the block they come from has been cut, what
            # they hold is there twice.
            for start, revision, strip in reversed(pieces):
                await self._write(series, found, start, revision, strip)
                written += 1
        return written

    async def _write(
        self, series: Series, run: RunStrip, start: int, revision: int, strip: Strip
    ) -> None:
        """Write one block if it still is at *revision*.

        Raises:
            _Conflict: It is not.
        """
        identifier = document_id(
            series_digest(*series), start, run_digest(run.run, run.generation)
        )
        document = {
            "_id": identifier,
            **series._asdict(),
            "run": run.run,
            "generation": run.generation,
            "start": datetime.fromtimestamp(start, timezone.utc),
            "revision": revision + 1,
            **await asyncio.to_thread(blocks.pack, strip),
            "bytes": 0,
        }
        document["bytes"] = len(encode(document))
        with translated():
            if revision:
                known = {"_id": identifier, "revision": revision}
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


def _readable(
    documents: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[RunStrip]]:
    """Return those of *documents* that are not damaged, and their batches."""
    try:
        return documents, strips_of(documents)
    except DiscardMessageError:
        good = []
        for document in documents:
            try:
                strips_of([document])
            except DiscardMessageError as exc:
                log.warning("batch %s is damaged: %s", document["_id"].hex(), exc)
            else:
                good.append(document)
        return good, strips_of(good)


def _pieces(target: _Target, strip: Strip) -> list[tuple[int, int, Strip]]:
    """Return start, revision and batches of each block that has to be written."""
    known = target.strip
    if known is not None:
        strip = strip.take(np.flatnonzero(~np.isin(strip.slots, known.slots)))
    if not len(strip):
        return []
    whole = joined([known, strip] if known is not None else [strip])
    ends = np.cumsum(whole.counts)
    number = (ends - 1) // BLOCK_SAMPLES_MAX
    firsts = np.flatnonzero(np.diff(number, prepend=-1))
    stops = [*firsts[1:], len(whole)]
    pieces = []
    for first, stop in zip(firsts.tolist(), stops, strict=True):
        piece = whole.take(np.arange(first, stop))
        start = target.start if first == 0 else int(piece.slots[0])
        revision = target.revision if first == 0 else 0
        if (
            first == 0
            and known is not None
            and np.array_equal(piece.slots, known.slots)
        ):
            continue
        pieces.append((start, revision, piece))
    return pieces
