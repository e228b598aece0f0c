"""Recompute rollups from the stored batches, compare, and put right what differs.

Memory is bounded by an hour of one series. Nothing is lost whoever dies meanwhile:

1. Batches that are stored and not folded are folded, as if they had just come.
2. The pages of the hour are sealed, so that a block of each resolution holds all of it.
3. In each block the windows that differ are replaced: only as the block was read, and
   only if its seals are still those of the pages, so it held then what their bits say.
   What is folded meanwhile waits in its page and is added by the next seal.

Each block is right by itself, before and after.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection
from typing import Any

import msgspec

from robometrics.errors import NotFoundError
from robometrics.schema import AnyBatch
from robometrics.store.database import Store
from robometrics.store.keys import Series
from robometrics.store.marks import PAGES
from robometrics.store.rollups import RESOLUTIONS
from robometrics.store.rollups.comparing import (
    HOUR,
    Difference,
    Hour,
    differences,
    observed,
)
from robometrics.store.rollups.pages import moment
from robometrics.store.rollups.reading import (
    Document,
    RunId,
    assembled,
    projection,
)
from robometrics.store.rollups.resolutions import Resolution

DIFFERENCES_MAX = 100
"""Kept of one host, to be shown; all are counted."""

_TRIES = 5
"""Of a window that changes under the eyes of who would replace it."""


class Found(msgspec.Struct, kw_only=True):
    """A difference, and whose it is."""

    kind: str
    name: str
    run: str
    generation: int
    resolution: str
    difference: Difference


class Rebuilt(msgspec.Struct, kw_only=True):
    """What the rollups of one host are, against its stored batches."""

    host: str
    from_slot: int
    to_slot: int
    batches: int = 0
    """Stored, and read again."""

    windows: int = 0
    """Compared, of all resolutions."""

    differing: int = 0
    """Of these: not what the batches make, and still not after a repair."""

    repaired: int = 0
    """Of these: differed, and were replaced."""

    not_folded: int = 0
    """Batches that are stored and not folded."""

    only_folded: int = 0
    """Slots that are folded and not stored: their windows are left as they are."""

    found: list[Found] = []
    """The first differences, as they were found."""

    beyond_retention_until: int | None = None
    """Of some series the range up to there was left out: retention deleted batches."""

    @property
    def is_equal(self) -> bool:
        return not (self.differing or self.not_folded or self.only_folded)


async def rebuild(
    store: Store, host: str, start: int, stop: int, *, repair: bool = False
) -> Rebuilt:
    """Compare the rollups of *host* in ``[start, stop)`` with its stored batches.

    Args:
        store: The database.
        host: Its name.
        start: First slot; the hour it is in is compared as a whole.
        stop: The slot after the last; of its hour too all windows are compared, but
            what is younger is not taken for missing.
        repair: Whether to fold what is missing and replace what differs.

    Raises:
        NotFoundError: No sample of *host* is stored.
        RetryLaterError: The database is away.
    """
    lived = await store.fleet.span_of(host)
    if lived is None:
        raise NotFoundError(f"no host {host!r} ever sent a sample")
    found = Rebuilt(host=host, from_slot=start, to_slot=stop)
    first = max(start, lived[0])
    for base in range(first - first % HOUR, min(stop, lived[1] + 1), HOUR):
        for series in await _series(store, host, base):
            await _Rebuilding(store, series, base, stop, found).run(repair=repair)
    return found


async def _series(store: Store, host: str, base: int) -> list[Series]:
    """Return the series of *host* that may have batches in the hour from *base*."""
    processes, gpus = await store.fleet.processes(host), await store.fleet.gpus(host)
    lived = [
        *(("process", p.process, p.first_slot, p.last_slot) for p in processes),
        *(("gpu", str(g.index), g.first_slot, g.last_slot) for g in gpus),
    ]
    return [
        Series(host, "host", ""),
        *(
            Series(host, kind, name)
            for kind, name, first, last in lived
            if first < base + HOUR and base <= last
        ),
    ]


class _Rebuilding:
    """An hour of one series."""

    def __init__(
        self, store: Store, series: Series, base: int, until: int, found: Rebuilt
    ) -> None:
        self._store = store
        self._series = series
        self._base = base
        self._until = min(until, base + HOUR)
        self._found = found

    async def run(self, *, repair: bool) -> None:
        if await self._is_beyond():
            return
        missing = await self._not_folded(count=True)
        wrong = {name: await self._compare(name) for name in RESOLUTIONS}
        if await self._is_beyond():  # meanwhile, so what was read may not be all
            return
        if repair and (missing or any(wrong.values())):
            await self._store.rollups.fold(missing)
            for name in RESOLUTIONS:
                runs = {run for run, _ in wrong[name]} | {
                    (batch.run, batch.generation) for batch in missing
                }
                for run in runs:
                    await self._replace(name, run)
            left = {name: await self._compare(name, note=False) for name in RESOLUTIONS}
            missing = await self._not_folded()
        else:
            left = wrong
        self._found.not_folded += len(missing)
        for name in RESOLUTIONS:
            self._found.differing += len(left[name])
            self._found.repaired += len(wrong[name] - left[name])

    async def _is_beyond(self) -> bool:
        """Tell whether retention may have deleted what the windows were made of.

        Made anew of what is left, they would be less than they are.
        """
        marks = await self._store.marks.read(self._series)
        gone = max(marks.any_before("raw"), marks.any_before(PAGES))
        if gone <= self._base:
            return False
        until = max(self._found.beyond_retention_until or 0, self._base + HOUR)
        self._found.beyond_retention_until = until
        return True

    async def _not_folded(self, *, count: bool = False) -> list[AnyBatch]:
        """Return what is stored and, as every resolution says, not folded."""
        missing: dict[tuple[RunId, int], AnyBatch] = {}
        for name in RESOLUTIONS:
            hours = await self._read(name)
            found = {
                (run, batch.slot): batch
                for run, (hour, *_) in hours.items()
                for batch in hour.not_folded
            }
            if name == next(iter(RESOLUTIONS)):
                missing = found
                if count:
                    each = [hour for hour, *_ in hours.values()]
                    self._found.batches += sum(len(hour.stored) for hour in each)
                    self._found.only_folded += sum(
                        hour.only_folded.bit_count() for hour in each
                    )
            missing = {key: missing[key] for key in missing if key in found}
        return list(missing.values())

    async def _compare(
        self, resolution: str, *, note: bool = True
    ) -> set[tuple[RunId, int]]:
        """Return run and start of the windows that differ."""
        wrong = set()
        size = RESOLUTIONS[resolution]
        for run, (hour, pages, blocks) in (await self._read(resolution)).items():
            comparable = hour.comparable(size.window)
            found = await asyncio.to_thread(
                self._differences, size, hour, pages, blocks, comparable
            )
            wrong |= {(run, each.start) for each in found}
            if note:
                self._found.windows += len(comparable)
                for each in found[: DIFFERENCES_MAX - len(self._found.found)]:
                    self._found.found.append(
                        Found(
                            kind=self._series.kind,
                            name=self._series.name,
                            run=run[0],
                            generation=run[1],
                            resolution=resolution,
                            difference=each,
                        )
                    )
        return wrong

    def _differences(
        self,
        size: Resolution,
        hour: Hour,
        pages: list[Document],
        blocks: list[Document],
        comparable: Collection[int],
    ) -> list[Difference]:
        stop = self._base + HOUR
        kept = assembled(size, pages, blocks, self._base, stop, sketches=True)
        expected = hour.expected(size)
        return list(differences(comparable, expected, kept[0] if kept else None))

    async def _read(
        self, resolution: str
    ) -> dict[RunId, tuple[Hour, list[Document], list[Document]]]:
        """Return what is stored, folded and sealed of each run, all of one moment.

        The pages say what is folded; blocks that know a later seal have more.
        """
        size = RESOLUTIONS[resolution]
        stop = self._base + HOUR
        fields = projection(None, sketches=True)
        reading = self._store.rollups.reading
        found, blocks_by_run = await reading.consistent(
            self._series, resolution, self._base, stop, fields
        )
        stored: dict[RunId, list[AnyBatch]] = defaultdict(list)
        async for batch in self._store.batches.read(self._series, self._base, stop):
            stored[batch.run, batch.generation].append(batch)
        return {
            run: (
                observed(
                    self._base,
                    stored[run],
                    found[run],
                    blocks_by_run[run],
                    size,
                    self._until,
                ),
                found[run],
                blocks_by_run[run],
            )
            for run in sorted({*stored, *found, *blocks_by_run})
        }

    async def _replace(self, resolution: str, run: RunId) -> None:
        """Replace what differs in the block of one run."""
        sealing = self._store.rollups.sealing
        size = RESOLUTIONS[resolution]
        for _ in range(_TRIES):
            await sealing.seal_span(self._page(run), self._base + HOUR)
            hour, pages, blocks = (await self._read(resolution)).get(
                run, (Hour(base=self._base, stored={}), [], [])
            )
            comparable = hour.comparable(size.window)
            wrong = {
                each.start
                for each in await asyncio.to_thread(
                    self._differences, size, hour, pages, blocks, comparable
                )
            }
            if not wrong or await sealing.replace(
                resolution, self._page(run), pages, wrong, hour.expected(size)
            ):
                return

    def _page(self, run: RunId) -> dict[str, Any]:
        """Return whose the pages are."""
        return {
            **self._series._asdict(),
            "run": run[0],
            "generation": run[1],
            "start": moment(self._base),
        }
