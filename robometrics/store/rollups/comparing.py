"""What rollups must be by the stored batches, beside what is kept; pure.

An hour of one run at a time. Only windows can be compared whose folded slots are all
known and stored: a batch that is folded and not stored yet may only be late, and what
retention deleted proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from robometrics.schema import AnyBatch
from robometrics.store import slots
from robometrics.store.fold import MetricStats
from robometrics.store.rollups import folding
from robometrics.store.rollups.groups import grouped
from robometrics.store.rollups.pages import as_page
from robometrics.store.rollups.reading import Document, assembled, split
from robometrics.store.rollups.resolutions import PAGE_SECONDS, Resolution
from robometrics.store.rollups.rollups import stats_of
from robometrics.store.rollups.windows import MetricWindows, RunWindows

HOUR = 3_600
_ROUNDING = 1e-9  # of sums of floats, which depend on their order


class Difference(msgspec.Struct, frozen=True):
    """A window that is not what the stored batches make."""

    start: int
    """Seconds since the Unix epoch."""

    what: str
    """A metric, or ``samples``."""

    expected: str
    kept: str


class Hour(msgspec.Struct, kw_only=True):
    """One run in one hour: its stored batches, and what its pages say is folded."""

    base: int
    """First slot."""

    stored: dict[int, AnyBatch]
    """By slot."""

    seen: int = 0
    """Slots that are folded; bit 0 is ``base``."""

    until: int = 0
    """Of slots from here on it is too early to say what is missing; 0: of none."""

    unknown: int = 0
    """Slots of pages that were deleted, and are in a block: they may be folded."""

    @property
    def there(self) -> int:
        return sum(1 << (slot - self.base) for slot in self.stored)

    @property
    def not_folded(self) -> list[AnyBatch]:
        """What is stored and not folded."""
        known = self.seen | self.unknown | self._young
        return [
            b for slot, b in self.stored.items() if not known >> (slot - self.base) & 1
        ]

    @property
    def _young(self) -> int:
        end = self.base + HOUR
        return slots.span(self.until or end, end, self.base)

    @property
    def only_folded(self) -> int:
        """Slots that are folded and not stored."""
        return self.seen & ~self.there & ~self._young

    def comparable(self, seconds: int) -> list[int]:
        """Return the windows of *seconds* that can be compared, by their starts."""
        there = self.there
        doubtful = self.seen & ~there | self.unknown
        found = []
        for start in range(self.base, self.base + HOUR, seconds):
            window = slots.span(start, start + seconds, self.base)
            if there & window and not doubtful & window:
                found.append(start)
        return found

    def expected(self, size: Resolution) -> RunWindows | None:
        """Return the windows that the folded ones of the stored batches make."""
        folded = [
            b for slot, b in self.stored.items() if self.seen >> (slot - self.base) & 1
        ]
        groups = list(grouped(folded).values())
        pages = [
            as_page(group, part)
            for chunk in folding.chunks(groups)
            for group, part in zip(chunk, folding.fold(chunk), strict=True)
        ]
        found = assembled(size, pages, (), self.base, self.base + HOUR, sketches=True)
        return found[0] if found else None


def observed(
    base: int,
    stored: Iterable[AnyBatch],
    pages: Sequence[Document],
    blocks: Sequence[Document],
    size: Resolution,
    until: int = 0,
) -> Hour:
    """Return the hour from *base* of one run, as it was read."""
    known = {batch.slot: batch for batch in stored}
    hour = Hour(base=base, stored=known, until=until)
    starts = set()
    for page in pages:
        start = round(page["start"].timestamp())
        starts.add(start)
        hour.seen |= int(page["seen"]) << (start - base)
    opened, _ = split(size, (), blocks)
    for page_start in range(base, base + HOUR, PAGE_SECONDS):
        if page_start not in starts and any(
            page_start in block and block.seal_of(page_start) for block in opened
        ):
            hour.unknown |= slots.span(page_start, page_start + PAGE_SECONDS, base)
    return hour


def differences(
    comparable: Iterable[int], expected: RunWindows | None, kept: RunWindows | None
) -> Iterator[Difference]:
    """Yield what differs in the *comparable* windows."""
    wanted = np.array(list(comparable), np.int64)
    ours, theirs = _counts(expected), _counts(kept)
    for start in wanted.tolist():
        if ours.get(start) != theirs.get(start):
            yield Difference(
                start, "samples", str(ours.get(start, 0)), str(theirs.get(start, 0))
            )
    metrics = [each.metrics if each else {} for each in (expected, kept)]
    for key in sorted({*metrics[0], *metrics[1]}):
        a, b = (_chosen(each.get(key), wanted) for each in metrics)
        if a == b:
            continue
        for start in sorted({*a, *b}):
            mine, other = a.get(start), b.get(start)
            if mine is None or other is None or not _alike(mine, other):
                yield Difference(start, key, _said(mine), _said(other))


def _counts(found: RunWindows | None) -> dict[int, int]:
    if found is None:
        return {}
    return dict(zip(found.start.tolist(), found.count.tolist(), strict=True))


def _chosen(
    found: MetricWindows | None, wanted: np.ndarray[Any, Any]
) -> dict[int, MetricStats]:
    if found is None:
        return {}
    these = set(wanted.tolist())
    return {start: stats for start, stats in stats_of(found) if start in these}


def _alike(a: MetricStats, b: MetricStats) -> bool:
    if not math.isclose(a.total, b.total, rel_tol=_ROUNDING, abs_tol=1e-12):
        return False
    return msgspec.structs.replace(a, total=b.total) == b


def _said(stats: MetricStats | None) -> str:
    if stats is None:
        return "nothing"
    return (
        f"{stats.count} values from {stats.low} to {stats.high}, sum {stats.total}, "
        f"last {stats.last}, rates {stats.rate_low} to {stats.rate_high}, "
        f"{len(stats.sketch)} buckets"
    )
