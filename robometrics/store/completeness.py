"""How much of one series is there: batches expected, taken and stored."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from robometrics.schema import TALLY_SLOTS_MAX, is_reported
from robometrics.store import slots
from robometrics.store.audit import Claim, Stored, claims, hours
from robometrics.store.database import Store
from robometrics.store.gaps import Gap
from robometrics.store.keys import Series


class Counts(msgspec.Struct):
    """Batches of one series."""

    expected: int = 0
    """Taken, or in a slot that a gap says is missing; of a host, one a second."""

    taken: int = 0
    stored: int = 0
    is_accounted: bool = True
    """Whether workers say what they took; not of what was only posted over HTTP."""
    beyond_retention_until: int | None = None
    """Before this slot nothing was counted of some run: retention deleted it."""


async def count(
    store: Store, series: Series, start: int, stop: int, gaps: Sequence[Gap]
) -> Counts:
    """Return the batches of *series* in ``[start, stop)``.

    Args:
        store: The database.
        series: Which.
        start: First slot; none before the series was first seen.
        stop: The slot after the last; none after it was last seen.
        gaps: Those about the series.

    Raises:
        RetryLaterError: The database is away.
    """
    total = Counts()
    runs: set[str] = set()
    each_second = 0
    for hour in hours(start, stop):
        tallies = store.tallies.read_of(
            series, hour.start - TALLY_SLOTS_MAX + 1, hour.stop
        )
        claimed = claims([tally async for tally in tallies], hour)
        told = {(run.run, run.generation): claim for run, claim in claimed.items()}
        found = await store.evidence.stored(series, hour.start, hour.stop)
        marks = await store.marks.read(series)  # after what they speak of
        if marks.before("raw") > hour.base:
            total.beyond_retention_until = hour.stop
            continue
        present = 0
        for run in {*told, *found}:
            if marks.before("raw", run[0]) > hour.base:
                total.beyond_retention_until = hour.stop
                continue
            runs.add(run[0])
            claim = told.get(run, Claim())
            there = found.get(run, Stored()).bits(hour.base)
            taken = (claim.taken | claim.before | there) & hour.slots
            total.taken += taken.bit_count()
            total.stored += there.bit_count()
            present |= taken
        due = 0
        for gap in gaps:
            due |= slots.span(gap.from_slot, gap.to_slot + 1, hour.base) & hour.slots
        total.expected += (due & ~present).bit_count()
        each_second += (hour.slots & ~present & ~due).bit_count()
    total.is_accounted = not runs or not all(map(is_reported, runs))
    if series.kind == "host" and total.is_accounted:
        total.expected += each_second
    total.expected += total.taken
    return total
