"""Read windows of one series: from pages first, then from blocks.

In that order nothing is missed. What a page held when it was read may be in a block by
the time that is read, and then counts there: a block knows which seals it has.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.keys import Series, id_range, series_digest
from robometrics.store.rollups.blocks import Block
from robometrics.store.rollups.pages import (
    BY_SERIES,
    Content,
    contents,
    counts_of,
    metrics_of,
    moment,
)
from robometrics.store.rollups.resolutions import (
    BLOCKS,
    PAGE_SECONDS,
    PAGES,
    RESOLUTIONS,
    Resolution,
)
from robometrics.store.rollups.windows import (
    Counts,
    MetricWindows,
    RunWindows,
    merged_counts,
    merged_metric,
)

_WHO = ("run", "generation", "start", "seal")
_READ_DOCUMENTS = 500
RunId = tuple[str, int]
Document = dict[str, Any]


def projection(keys: Iterable[str] | None, *, sketches: bool) -> list[str]:
    """Return the fields of a page or block that hold *keys*; all if ``None``."""
    fields = ["w"]
    for field in ("m", "q") if sketches else ("m",):
        fields += [field] if keys is None else [f"{field}.{key}" for key in keys]
    return [*fields, "t"] if len(fields) > 1 else fields


class Reading:
    """Pages and blocks of one database, to read."""

    def __init__(self, database: Database) -> None:
        self._pages = database[PAGES]
        self._blocks = {name: database[each] for name, each in BLOCKS.items()}

    async def columns(
        self,
        series: Series,
        resolution: str,
        start: int,
        stop: int,
        keys: Iterable[str] | None,
        *,
        sketches: bool,
    ) -> list[RunWindows]:
        """See ``Rollups.columns``."""
        size = RESOLUTIONS[resolution]
        first, end = bounds(size, start, stop)
        fields = projection(keys, sketches=sketches)
        pages = await self.open_pages(series, first, end, fields)
        blocks = await self.blocks(series, resolution, first, end, fields)
        # Arithmetic of many windows would hold up the event loop.
        return await asyncio.to_thread(
            assembled, size, pages, blocks, start, stop, sketches=sketches
        )

    async def consistent(
        self,
        series: Series,
        resolution: str,
        start: int,
        stop: int,
        fields: Sequence[str],
    ) -> tuple[dict[RunId, list[Document]], dict[RunId, list[Document]]]:
        """Return all pages in the range and the blocks that reach into it, by run.

        No block has what its page did not say, as if both were read at one moment.
        """
        size = RESOLUTIONS[resolution]
        while True:
            pages = by_run(await self.all_pages(series, start, stop, fields))
            blocks = by_run(await self.blocks(series, resolution, start, stop, fields))
            if not any(_is_ahead(size, pages[run], blocks[run]) for run in blocks):
                return pages, blocks

    async def open_pages(
        self, series: Series, start: int, stop: int, fields: Sequence[str]
    ) -> list[Document]:
        """Return the pages in ``[start, stop)`` that hold something."""
        wanted = {
            **series._asdict(),
            "start": {"$gte": moment(start), "$lt": moment(stop)},
            "due": {"$exists": True},
        }
        # Left to itself it may go through the pages of all series by `due`.
        return await self._found(self._pages, wanted, _of_page(fields), BY_SERIES)

    async def all_pages(
        self, series: Series, start: int, stop: int, fields: Sequence[str]
    ) -> list[Document]:
        """Return the pages in ``[start, stop)``, also those that only keep bits."""
        wanted = {"_id": id_range(series_digest(*series), start, stop)}
        return await self._found(self._pages, wanted, ["seen", *_of_page(fields)])

    async def blocks(
        self,
        series: Series,
        resolution: str,
        start: int,
        stop: int,
        fields: Sequence[str],
    ) -> list[Document]:
        """Return the blocks that reach into ``[start, stop)``."""
        start -= start % RESOLUTIONS[resolution].block
        wanted = {"_id": id_range(series_digest(*series), start, stop)}
        return await self._found(
            self._blocks[resolution], wanted, [*_WHO, "seals", *fields]
        )

    async def first_start(
        self, series: Series, resolution: str, start: int, stop: int
    ) -> int | None:
        """Return where the first page or block in ``[start, stop)`` begins."""
        starts = []
        wanted = {"_id": id_range(series_digest(*series), start, stop)}
        with translated():
            for collection in (self._pages, self._blocks[resolution]):
                found = await collection.find_one(
                    wanted, {"start": 1}, sort=[("_id", 1)]
                )
                if found is not None:
                    starts.append(round(found["start"].timestamp()))
        return min(starts, default=None)

    @staticmethod
    async def _found(
        collection: Any,
        wanted: Document,
        fields: Iterable[str],
        hint: list[tuple[str, int]] | None = None,
    ) -> list[Document]:
        with translated():
            cursor = collection.find(
                wanted,
                dict.fromkeys(fields, 1),
                batch_size=_READ_DOCUMENTS,
                hint=hint,
            )
            found: list[Document] = await cursor.to_list(None)
        return found


def bounds(size: Resolution, start: int, stop: int) -> tuple[int, int]:
    """Return between which times the pages lie of windows that begin in the range."""
    first = -(-start // size.window) * size.window
    return first - first % PAGE_SECONDS, -(-stop // size.window) * size.window


def by_run(documents: Iterable[Document]) -> dict[RunId, list[Document]]:
    found: dict[RunId, list[Document]] = defaultdict(list)
    for document in documents:
        found[document["run"], document["generation"]].append(document)
    return found


def split(
    size: Resolution, pages: Iterable[Document], blocks: Iterable[Document]
) -> tuple[list[Block], list[Content]]:
    """Return the blocks of one run, and what of its pages they do not hold."""
    opened: dict[int, Block] = {}
    for document in blocks:
        start = round(document["start"].timestamp())
        opened[start] = Block(document, size, start)
    left = []
    for page in pages:
        for content in contents(page):
            block = opened.get(content.page - content.page % size.block)
            if block is None or block.lacks(content):
                left.append(content)
    return list(opened.values()), left


def _is_ahead(
    size: Resolution, pages: Iterable[Document], blocks: Iterable[Document]
) -> bool:
    """Return whether a block knows a later seal of a page than the page as read."""
    opened, _ = split(size, (), blocks)
    for page in pages:
        start = round(page["start"].timestamp())
        for block in opened:
            if start in block and block.seal_of(start) > page["seal"]:
                return True
    return False


def counted(
    size: Resolution, blocks: Iterable[Block], left: Iterable[Content]
) -> Counts:
    """Return starts, samples and longest intervals of the windows of both."""
    parts = [*(block.counts() for block in blocks), counts_of(left)]
    return merged_counts(parts, size.window)


def _of_page(fields: Sequence[str]) -> list[str]:
    return [*_WHO, *fields, *(f"frozen.{field}" for field in fields)]


def assembled(
    size: Resolution,
    pages: Sequence[Document],
    blocks: Sequence[Document],
    start: int,
    stop: int,
    *,
    sketches: bool,
) -> list[RunWindows]:
    """Return the windows in *pages* and *blocks* of one series, by run.

    Args:
        size: Of the windows and blocks.
        pages: As they were read, before the blocks.
        blocks: As they were read.
        start: The windows begin in ``[start, stop)``.
        stop: See *start*.
        sketches: Whether the documents have them, and they are wanted.
    """
    open_by_run, blocks_by_run = by_run(pages), by_run(blocks)
    runs = []
    for run in sorted({*open_by_run, *blocks_by_run}):
        opened, left = split(size, open_by_run[run], blocks_by_run[run])
        parts: dict[str, list[MetricWindows]] = defaultdict(list)
        for block in opened:
            for key in block.keys:
                parts[key].append(block.metric(key, sketch=sketches))
        for key, windows in metrics_of(left, sketches=sketches).items():
            parts[key].append(windows)
        starts, count, interval = counted(size, opened, left)
        rows = slice(*np.searchsorted(starts, (start, stop)))
        if rows.start == rows.stop:
            continue
        metrics = {}
        for key, found in parts.items():
            windows = merged_metric(found, size.window).between(start, stop)
            if len(windows.start):
                metrics[key] = windows
        runs.append(
            RunWindows(*run, starts[rows], count[rows], interval[rows], metrics)
        )
    return runs
