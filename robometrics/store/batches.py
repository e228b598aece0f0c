"""Samples as they came: one document per batch, written once however often sent.

``compaction`` moves older ones into blocks. A batch is in one of both, or for a moment
in both: so the fresh ones are read first, and of two copies one counts.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any

import numpy as np
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import BulkWriteError

from robometrics.errors import DiscardMessageError
from robometrics.schema import AnyBatch
from robometrics.store import blocks
from robometrics.store.assembly import batches_of
from robometrics.store.batch_documents import (
    HIDDEN,
    RunStrip,
    run_in,
    strips_of,
)
from robometrics.store.batch_encoding import to_documents
from robometrics.store.driver import Database
from robometrics.store.failures import sort_failures, translated
from robometrics.store.keys import (
    SLOT_STOP,
    Series,
    id_range,
    series_digest,
    time_of,
)
from robometrics.store.scanning import oldest
from robometrics.store.strips import Strip, joined

COLLECTION = "batches"
BLOCKS = "blocks"
BLOCK_INDEX = ("host", "kind", "name", "start", "bytes", "samples")
"""Who has how much since when, without reading the blocks."""

INDEXES = ((BLOCKS, [(field, ASCENDING) for field in BLOCK_INDEX]),)
HOUR = 3_600
_SUMMARY = {"summary": 0}
"""The projection of what programs do not read of blocks."""

_ASSEMBLED = 200
"""Batches made at once on the event loop."""


class Batches:
    """The batches in one database."""

    def __init__(self, database: Database) -> None:
        self._fresh = database[COLLECTION]
        self._blocks = database[BLOCKS]

    async def insert(self, batches: Sequence[AnyBatch]) -> dict[int, str]:
        """Store *batches*; those already there are left as they are.

        Returns:
            Position and reason of each batch the database will never take.

        Raises:
            RetryLaterError: Some may not be stored; insert them all again.
        """
        try:
            documents = to_documents(batches)
        except OverflowError as exc:  # bounded by the schema; a bug if it happens
            raise DiscardMessageError(str(exc)) from exc
        if not documents:
            return {}
        with translated():
            try:
                await self._fresh.insert_many(documents, ordered=False)
            except BulkWriteError as exc:
                return sort_failures(exc).refused
        return {}

    async def read(
        self, series: Series, start: int, stop: int
    ) -> AsyncIterator[AnyBatch]:
        """Yield the batches of one series with ``start <= slot < stop``, by slot.

        Raises:
            DiscardMessageError: Some document is damaged.
            RetryLaterError: The database is away.
        """
        async for hour in self.strips(series, start, stop):
            runs = [_assembled(series, found) for found in hour]
            merged = heapq.merge(*runs, key=lambda batch: batch.slot)
            for count, batch in enumerate(merged, 1):
                yield batch
                if not count % _ASSEMBLED:
                    await asyncio.sleep(0)

    async def strips(
        self,
        series: Series,
        start: int,
        stop: int,
        keys: Collection[str] | None = None,
    ) -> AsyncIterator[list[RunStrip]]:
        """Yield the batches with ``start <= slot < stop`` in columns, hour by hour.

        Args:
            series: Whose.
            start: First slot.
            stop: The slot after the last.
            keys: The metrics to read; all if not given.

        Raises:
            DiscardMessageError: Some document is damaged.
            RetryLaterError: The database is away.
        """
        digest = series_digest(*series)
        at = max(start, 0)
        while at < stop:
            end = min(at - at % HOUR + HOUR, stop)
            fresh, kept = await self._documents(digest, at, end, keys)
            if fresh or kept:
                # It takes milliseconds, which would hold up live viewers.
                yield await asyncio.to_thread(_strips, fresh, kept, at, end, keys)
                at = end
            else:
                at = await self._next_slot(digest, end, stop)

    async def newest(self, series: Series) -> AnyBatch | None:
        """Return the batch of the latest slot, ``None`` if there is none.

        Raises:
            DiscardMessageError: It is damaged.
            RetryLaterError: The database is away.
        """
        digest = series_digest(*series)
        wanted = {"_id": id_range(digest, 0, SLOT_STOP)}
        found: list[AnyBatch] = []
        with translated():
            fresh = self._fresh.find(wanted, HIDDEN).sort("_id", DESCENDING)
            documents = await fresh.limit(1).to_list(1)
            blocks_last = self._blocks.find(wanted, {"_id": 1}).sort("_id", DESCENDING)
            for block in await blocks_last.limit(1).to_list(1):
                # Of several runs in its hour another one may have gone on for longer.
                hour = time_of(block["_id"]) // HOUR * HOUR
                wanted = {"_id": id_range(digest, hour, SLOT_STOP)}
                kept = self._blocks.find(wanted, _SUMMARY).sort("last", DESCENDING)
                documents += await kept.limit(1).to_list(1)
        for document in documents:
            strip = document_strip(document)
            last = strip.take(np.array([len(strip) - 1]))
            found += batches_of(last, series, *run_in(document))
        return max(found, key=lambda batch: batch.slot, default=None)

    async def _documents(
        self, digest: bytes, start: int, stop: int, keys: Collection[str] | None
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the fresh batches and the blocks of a part of one hour."""
        fields = _SUMMARY
        if keys is not None:
            wanted = ("run", "generation", *blocks.FIELDS)
            fields = dict.fromkeys(wanted, 1) | {f"metrics.{key}": 1 for key in keys}
        hour = start - start % HOUR
        with translated():
            fresh = self._fresh.find({"_id": id_range(digest, start, stop)}, HIDDEN)
            found = await fresh.to_list(None)
            kept = self._blocks.find({"_id": id_range(digest, hour, stop)}, fields)
            return found, await kept.to_list(None)

    async def _next_slot(self, digest: bytes, start: int, stop: int) -> int:
        """Return where the next batch may be; *stop* if there is none before that."""
        found = stop
        for collection in (self._fresh, self._blocks):
            wanted = {"_id": id_range(digest, start, stop)}
            document = await oldest(collection, wanted, {"_id": 1})
            if document is not None:
                found = min(found, time_of(document["_id"]))
        return found


def document_strip(
    document: dict[str, Any], keys: Collection[str] | None = None
) -> Strip:
    """Return what a fresh batch, or a block, holds.

    Raises:
        DiscardMessageError: It is damaged.
    """
    if "layout" not in document:
        return blocks.unpack(document, keys)
    [only] = strips_of([document], keys)
    return only.strip


def _strips(
    fresh: list[dict[str, Any]],
    kept: list[dict[str, Any]],
    start: int,
    stop: int,
    keys: Collection[str] | None,
) -> list[RunStrip]:
    """Return what is in ``[start, stop)``, one strip for each run, by run."""
    parts: dict[tuple[str, int], list[Strip]] = {}
    for document in kept:
        parts.setdefault(run_in(document), []).append(blocks.unpack(document, keys))
    for each in strips_of(fresh, keys):
        parts.setdefault((each.run, each.generation), []).append(each.strip)
    found = [
        RunStrip(*mine, joined(strips).between(start, stop))
        for mine, strips in sorted(parts.items())
    ]
    return [some for some in found if len(some.strip)]


def _assembled(series: Series, found: RunStrip) -> Iterable[AnyBatch]:
    """Yield the batches of a strip, made a few at a time."""
    run, generation, strip = found
    for first in range(0, len(strip), _ASSEMBLED):
        rows = np.arange(first, min(first + _ASSEMBLED, len(strip)))
        yield from batches_of(strip.take(rows), series, run, generation)
