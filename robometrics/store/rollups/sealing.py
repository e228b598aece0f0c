"""Seal what is old: move windows from pages into blocks, exactly once.

In three steps, each of them acknowledged by a majority, and safe to repeat by anybody:

1. What a page holds is set apart in it, under the next seal number. Folds that come
   later begin anew beside it.
2. It is merged into a block of each resolution. A block is replaced only as it was read
   (``revision``), and remembers the seal: who merges it again changes nothing.
3. It is dropped from the page, if it is still that seal's.

Whoever dies in between leaves a page that is due: the next one goes on. Any number may
seal at once, beside folds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.errors import DocumentTooLarge, DuplicateKeyError, WriteError
from pymongo.read_concern import ReadConcern

from robometrics.store.driver import Database
from robometrics.store.failures import PERMANENT_ERRORS, translated
from robometrics.store.keys import SLOT_STOP, id_range, series_digest
from robometrics.store.rollups.blocks import WHOSE, Block, identity
from robometrics.store.rollups.pages import OPEN, Content, contents, moment
from robometrics.store.rollups.resolutions import (
    BLOCKS,
    PAGES,
    RESOLUTIONS,
)
from robometrics.store.rollups.windows import RunWindows

log = logging.getLogger(__name__)

SPAN_SECONDS = min(each.block for each in RESOLUTIONS.values())
"""Pages of one run in one such span are sealed together."""

NEVER = SLOT_STOP
"""When a page is due that no block can take: it stays as it is, and is read there."""

Document = dict[str, Any]
_DROPPED: list[Document] = [
    {"$unset": "frozen"},
    {
        "$set": {
            "due": {
                "$cond": [{"$eq": [{"$type": "$w"}, "missing"]}, "$$REMOVE", "$due"]
            }
        }
    },
]


class Sealing:
    """Seals the pages of one database."""

    def __init__(self, database: Database) -> None:
        self._pages = database[PAGES]
        # What a lost primary took back must not be in a block.
        self._agreed = self._pages.with_options(read_concern=ReadConcern("majority"))
        self._blocks = {name: database[each] for name, each in BLOCKS.items()}

    async def seal(self, before: int, limit: int) -> int:
        """Seal pages that end by *before* (a slot), the oldest first.

        Pages of one run and hour are sealed together, and the more there are, the
        cheaper is each. Memory is bounded by these.

        Args:
            before: A page that ends later stays.
            limit: Stop after so many pages; a few more may be done.

        Returns:
            How many were sealed; fewer than *limit* if no more are due, or another
            sealer is at them.

        Raises:
            RetryLaterError: The database is away; what was begun is finished by the
                next call.
        """
        sealed = 0
        while sealed < limit:
            with translated():
                first = await self._pages.find_one(
                    {"due": {"$lte": moment(before)}},
                    dict.fromkeys((*WHOSE, "start"), 1),
                    sort=[("due", ASCENDING)],
                )
            if first is None:
                break
            done = await self.seal_span(first, before)
            if not done:  # somebody else did it, or a majority does not know yet
                break
            sealed += done
        return sealed

    async def seal_span(self, page: Document, before: int) -> int:
        """Seal the pages of the run and span of *page* that end by *before*."""
        start = round(page["start"].timestamp())
        start -= start % SPAN_SECONDS
        series = series_digest(page["host"], page["kind"], page["name"])
        mine = {
            "_id": id_range(series, start, start + SPAN_SECONDS),
            "run": page["run"],
            "generation": page["generation"],
            "due": {"$lte": moment(before)},
        }
        with translated():
            await self._freeze(mine)
            frozen = await self._agreed.find(
                {**mine, "frozen": {"$exists": True}}
            ).to_list(None)
            found = [contents(each)[0] for each in frozen]
            for name in RESOLUTIONS:
                if found and not await self._merge(name, page, found):
                    await self._give_up(frozen)
                    return len(frozen)
            await self._drop(frozen)
        return len(frozen)

    async def replace(
        self,
        resolution: str,
        page: Document,
        pages: Sequence[Document],
        starts: Collection[int],
        windows: RunWindows | None,
    ) -> bool:
        """Replace windows of the run of *page* in their block.

        Args:
            resolution: Whose block.
            page: Whose run, and where the windows are.
            pages: All pages that the windows are made of, as they were read.
            starts: Which windows.
            windows: Where they are in place of what is there.

        Returns:
            Whether it was done: not if the pages, as they were read, have more than
            the block, or the block has more than they had.
        """
        size = RESOLUTIONS[resolution]
        start = round(page["start"].timestamp())
        mine = identity(page, start - start % size.block)
        with translated():
            document = await self._blocks[resolution].find_one({"_id": mine["_id"]})
            block = Block(document or {}, size, start - start % size.block)
            seals = {round(p["start"].timestamp()): p["seal"] for p in pages}
            if any(map(contents, pages)) or any(
                block.seal_of(at) > seal for at, seal in seals.items()
            ):
                return False
            filled = await asyncio.to_thread(block.replaced, starts, windows, seals)
            return await replaced(self._blocks[resolution], block, mine | filled)

    async def _freeze(self, mine: Document) -> None:
        await self._pages.update_many(
            {**mine, "w": {"$exists": True}, "frozen": {"$exists": False}},
            {
                "$rename": {field: f"frozen.{field}" for field in OPEN},
                "$inc": {"seal": 1},
            },
        )

    async def _merge(
        self, resolution: str, page: Document, found: Sequence[Content]
    ) -> bool:
        """Merge *found* into its block; return whether it fits."""
        size = RESOLUTIONS[resolution]
        collection = self._blocks[resolution]
        start = found[0].page - found[0].page % size.block
        mine = identity(page, start)
        while True:
            document = await collection.find_one({"_id": mine["_id"]})
            block = Block(document or {}, size, start)
            lacking = [content for content in found if block.lacks(content)]
            if not lacking:
                return True
            filled = await asyncio.to_thread(block.merged, lacking)
            try:
                if await replaced(collection, block, mine | filled):
                    return True
            except DocumentTooLarge:
                return False
            except WriteError as exc:
                if exc.code not in PERMANENT_ERRORS:
                    raise
                return False

    async def _drop(self, pages: Sequence[Document]) -> None:
        if not pages:
            return
        still = {"frozen": {"$exists": True}}
        drops = [
            UpdateOne({"_id": page["_id"], "seal": page["seal"], **still}, _DROPPED)
            for page in pages
        ]
        await self._pages.bulk_write(drops, ordered=False)

    async def _give_up(self, pages: Sequence[Document]) -> None:
        log.error(
            "rollups of %s %s cannot be sealed: too much for one document; they stay "
            "where they were folded",
            pages[0]["host"],
            pages[0]["name"],
        )
        await self._pages.update_many(
            {"_id": {"$in": [page["_id"] for page in pages]}},
            {"$set": {"due": moment(NEVER)}},
        )


async def replaced(collection: Any, block: Block, document: Document) -> bool:
    """Write *document* in the place of *block*; ``False`` if that has changed."""
    if not block.revision:
        try:
            await collection.insert_one(document)
        except DuplicateKeyError:
            return False
        return True
    done = await collection.replace_one(
        {"_id": document["_id"], "revision": block.revision}, document
    )
    return bool(done.matched_count)
