"""Rollups in MongoDB: windows of 10 s, 1 min and 1 h, folded in any order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import msgspec
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from robometrics.schema import AnyBatch
from robometrics.store.driver import Database
from robometrics.store.failures import sort_failures, translated
from robometrics.store.fold import MetricStats, WindowStats
from robometrics.store.keys import Series
from robometrics.store.rollups import folding
from robometrics.store.rollups.groups import Group, GroupKey, grouped
from robometrics.store.rollups.pages import update
from robometrics.store.rollups.reading import Reading
from robometrics.store.rollups.resolutions import PAGES, RESOLUTIONS
from robometrics.store.rollups.sealing import Sealing
from robometrics.store.rollups.windows import MetricWindows, RunWindows

_READ_BLOCKS = 6  # at once: what is read and not yet asked for stays in memory


class Window(msgspec.Struct, kw_only=True):
    """One run over one window, read back."""

    start: int
    """Seconds since the Unix epoch."""

    seconds: int
    run: str
    generation: int
    stats: WindowStats


class Rollups:
    """The rollups in one database."""

    def __init__(self, database: Database) -> None:
        self._pages = database[PAGES]
        self.reading = Reading(database)
        self.sealing = Sealing(database)
        self.seal = self.sealing.seal

    async def fold(self, batches: Iterable[AnyBatch]) -> dict[GroupKey, str]:
        """Fold *batches* into every resolution, each of them exactly once for ever.

        Returns:
            Key and reason of each group the database will never take.

        Raises:
            RetryLaterError: Some may not be folded; fold them all again.
        """
        refused: dict[GroupKey, str] = {}
        groups = grouped(batches)
        writes = []
        for chunk in folding.chunks(list(groups.values())):
            updates = _updates(chunk)
            # The database takes a chunk while the next one is folded.
            writes.append(asyncio.ensure_future(self._write(chunk, updates, refused)))
            await asyncio.sleep(0)
        await asyncio.gather(*writes)
        return refused

    async def _write(
        self,
        groups: Sequence[Group],
        updates: list[UpdateOne],
        refused: dict[GroupKey, str],
    ) -> None:
        """Write *updates*, again for what is left of groups that met seen slots."""
        while groups:
            with translated():
                try:
                    await self._pages.bulk_write(updates, ordered=False)
                except BulkWriteError as exc:
                    failures = sort_failures(exc)
                else:
                    return
                for index, why in failures.refused.items():
                    refused[groups[index].key] = why
                met = [groups[index] for index in failures.duplicates]
                rests = [await self._unseen(group) for group in met]
            groups = [rest for rest in rests if rest.slots]
            updates = _updates(groups)

    async def _unseen(self, group: Group) -> Group:
        page = await self._pages.find_one({"_id": group.page_id}, {"seen": 1})
        seen = (page or {}).get("seen", 0)
        slots = {
            slot: batch
            for slot, batch in group.slots.items()
            if not seen >> (slot - group.page) & 1
        }
        return msgspec.structs.replace(group, slots=slots)

    async def columns(
        self,
        series: Series,
        resolution: str,
        start: int,
        stop: int,
        keys: Iterable[str] | None = None,
        *,
        sketches: bool = False,
    ) -> list[RunWindows]:
        """Return the windows of one series that begin in ``[start, stop)``, by run.

        Args:
            series: Which.
            resolution: One of ``RESOLUTIONS``.
            start: Seconds since the Unix epoch.
            stop: The same.
            keys: Metrics to read, with their instances; all if not given.
            sketches: Whether to read the counts that quantiles are made of.

        Raises:
            RetryLaterError: The database is away.
        """
        return await self.reading.columns(
            series, resolution, start, stop, keys, sketches=sketches
        )

    async def read(
        self, series: Series, resolution: str, start: int, stop: int
    ) -> AsyncIterator[Window]:
        """Yield the windows of one series that begin in ``[start, stop)``.

        They come a few blocks at a time: ordered by these, run and time.
        """
        size = RESOLUTIONS[resolution]
        at = max(start, 0)
        while at < stop:
            first = await self.reading.first_start(
                series, resolution, at - at % size.block, stop
            )
            if first is None:
                return
            end = (max(at, first) // size.block + _READ_BLOCKS) * size.block
            for run in await self.columns(
                series, resolution, at, min(end, stop), sketches=True
            ):
                for window in _windows(run, size.window):
                    yield window
            at = end


def _updates(groups: Sequence[Group]) -> list[UpdateOne]:
    parts = folding.fold(groups) if groups else []
    return [update(*each) for each in zip(groups, parts, strict=True)]


def _windows(run: RunWindows, seconds: int) -> Iterator[Window]:
    metrics: dict[int, dict[str, MetricStats]] = {}
    for key, windows in run.metrics.items():
        for start, stats in stats_of(windows):
            metrics.setdefault(start, {})[key] = stats
    for start, count, interval_ns in zip(
        run.start.tolist(), run.count.tolist(), run.interval_ns.tolist(), strict=True
    ):
        yield Window(
            start=start,
            seconds=seconds,
            run=run.run,
            generation=run.generation,
            stats=WindowStats(
                count=count,
                interval_ns=interval_ns,
                metrics=metrics.get(start, {}),
            ),
        )


def stats_of(windows: MetricWindows) -> Iterator[tuple[int, MetricStats]]:
    sketches: dict[int, dict[int, int]] = {}
    if windows.sketch is not None:
        for start, code, count in zip(
            *(c.tolist() for c in msgspec.structs.astuple(windows.sketch)), strict=True
        ):
            sketches.setdefault(start, {})[code] = count
    for row in zip(*(column.tolist() for column in windows.numbers), strict=True):
        start, count, low, high, first_ns, last_ns, is_gauge, total, last, *rates = row
        slow, fast = (None if rate != rate else rate for rate in rates)  # noqa: PLR0124
        yield (
            start,
            MetricStats(
                count=count,
                total=total,
                low=low,
                high=high,
                first_ns=first_ns,
                last_ns=last_ns,
                last=last if is_gauge else None,
                rate_low=slow,
                rate_high=fast,
                sketch=sketches.get(start, {}),
            ),
        )
