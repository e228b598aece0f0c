"""Read what an audit compares: an hour of one series at a time, never whole batches."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING

from robometrics.errors import DiscardMessageError
from robometrics.store import batches, blocks, slots, tallies
from robometrics.store.audit import Folded, Stored
from robometrics.store.driver import Database, plain
from robometrics.store.failures import translated
from robometrics.store.keys import Series, id_range, series_digest
from robometrics.store.rollups import RESOLUTIONS
from robometrics.store.rollups.reading import Reading, counted, split

log = logging.getLogger(__name__)

RunId = tuple[str, int]
"""Run and generation."""


class Evidence:
    """What one database holds, as an audit wants it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rollups = Reading(database)

    async def stored(
        self, series: Series, start: int, stop: int
    ) -> dict[RunId, Stored]:
        """Return the samples in each slot of ``[start, stop)``, by run."""
        digest = series_digest(*series)
        group = {
            "_id": {"run": "$run", "generation": "$generation"},
            "at_ms": {"$push": {"$toLong": "$slot"}},
            "counts": {"$push": "$count"},
        }
        found: dict[RunId, Stored] = {}
        with translated():
            # A batch may move into a block meanwhile: so the fresh ones come first.
            cursor = self._database[batches.COLLECTION].aggregate(
                [{"$match": {"_id": id_range(digest, start, stop)}}, {"$group": group}]
            )
            async for row in cursor:
                samples = found.setdefault(_run_id(row["_id"]), Stored()).samples
                for at_ms, count in zip(row["at_ms"], row["counts"], strict=True):
                    samples[int(at_ms) // 1_000] = count
            hour = start - start % batches.HOUR
            kept = self._database[batches.BLOCKS].find(
                {"_id": id_range(digest, hour, stop)},
                {"run": 1, "generation": 1, "version": 1, "rows": 1},
            )
            async for block in kept:
                samples = found.setdefault(_run_id(block), Stored()).samples
                for slot, count in _counts(block).items():
                    if start <= slot < stop:
                        samples[slot] = count
        return {run: stored for run, stored in found.items() if stored.samples}

    async def folded(
        self, series: Series, resolution: str, start: int, stop: int
    ) -> dict[RunId, Folded]:
        """Return which slots of ``[start, stop)`` are folded; bit 0 is *start*.

        *start* must be the first slot of a minute. The samples are those of the bits:
        what was folded between two reads is not counted.
        """
        size = RESOLUTIONS[resolution]
        first = start - start % size.window
        end = -(-stop // size.window) * size.window
        pages, blocks = await self._rollups.consistent(
            series, resolution, first, end, ["w"]
        )
        everything = (1 << (stop - start)) - 1
        found = {}
        for run in {*pages, *blocks}:
            folded = found[run] = Folded()
            for page in pages[run]:
                at = round(page["start"].timestamp())
                folded.seen |= plain(page["seen"]) << (at - first)
            folded.seen = slots.moved(folded.seen, first, start) & everything
            opened, left = split(size, pages[run], blocks[run])
            starts, counts, _ = counted(size, opened, left)
            folded.samples = dict(zip(starts.tolist(), counts.tolist(), strict=True))
        return found

    async def missing_events(self, ids: Sequence[str]) -> set[str]:
        """Return which of *ids* are not stored."""
        with translated():
            cursor = self._database["events"].find(
                {"_id": {"$in": list(ids)}}, {"_id": 1}
            )
            return set(ids) - {row["_id"] async for row in cursor}

    async def numbers(
        self, host: str, outbox: str, found: Iterable[tuple[int, int]]
    ) -> tuple[list[tuple[int, int]], bool]:
        """Return the tallies of an outbox: those *found*, and those about them.

        Returns:
            Sequence and first slot of each from the last one before *found* to the
            first one after; and whether there is one before.
        """
        numbers = sorted(found)
        mine = {"host": host, "outbox": outbox}
        fields = {"_id": 0, "sequence": 1, "from_slot": 1}
        collection = self._database[tallies.COLLECTION]

        async def read(wanted: dict[str, int], order: int, limit: int) -> Any:
            cursor = collection.find(mine | {"sequence": wanted}, fields)
            cursor = cursor.sort("sequence", order).limit(limit)
            return [(plain(r["sequence"]), r["from_slot"]) async for r in cursor]

        low, high = numbers[0][0], numbers[-1][0]
        with translated():
            before = await read({"$lt": low}, DESCENDING, 1)
            after = await read({"$gt": high}, ASCENDING, 1)
            if len(numbers) <= high - low:  # the rest may lie outside of the range
                numbers = await read({"$gte": low, "$lte": high}, ASCENDING, 0)
        return [*before, *numbers, *after], bool(before)


def _counts(block: dict[str, Any]) -> dict[int, int]:
    """Return the samples in each slot: none if the block is damaged."""
    try:
        return blocks.read_counts(block)
    except DiscardMessageError as exc:
        log.warning("block %s is damaged: %s", block["_id"].hex(), exc)
        return {}


def _run_id(row: dict[str, Any]) -> RunId:
    return row["run"], row["generation"]
