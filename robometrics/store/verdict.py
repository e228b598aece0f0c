"""What of one tally is not in the database, so that a host may let go of the rest."""

from __future__ import annotations

import asyncio

import msgspec

from robometrics.requests import Verdict
from robometrics.schema import TALLY_SLOTS_MAX, Tally, TallyRow
from robometrics.store import slots
from robometrics.store.audit import Folded, Stored
from robometrics.store.database import Store
from robometrics.store.keys import Series
from robometrics.store.rollups import RESOLUTIONS

_MINUTE = 60


async def verdict(store: Store, tally: Tally) -> Verdict:
    """Return the slots of *tally* that are not both stored and folded, and its events.

    One range of ids for each series: asked for many ids at once, MongoDB 6 reads a
    whole clustered collection.

    Raises:
        RetryLaterError: The database is away.
    """
    series: dict[Series, list[TallyRow]] = {}
    for row in tally.rows:
        series.setdefault(Series(tally.host, row.kind, row.name), []).append(row)
    left: list[TallyRow] = []
    for each, rows in series.items():
        left += await _left(store, each, tally, rows)
    events = await store.evidence.missing_events(tally.events)
    return Verdict(rows=left, events=[e for e in tally.events if e in events])


async def _left(
    store: Store, series: Series, tally: Tally, rows: list[TallyRow]
) -> list[TallyRow]:
    base = tally.from_slot - tally.from_slot % _MINUTE
    stop = tally.from_slot + TALLY_SLOTS_MAX
    evidence = store.evidence
    stored, folded = await asyncio.gather(
        evidence.stored(series, base, stop),
        asyncio.gather(
            *(evidence.folded(series, each, base, stop) for each in RESOLUTIONS)
        ),
    )
    marks = await store.marks.read(series)
    left = []
    for row in rows:
        run = row.run, tally.generation

        def gone(before: int) -> int:
            """Return what, sent again, would be deleted again or counted twice."""
            return slots.span(base, before, base)

        raw = gone(marks.before("raw", row.run))
        there = stored.get(run, Stored()).bits(base) | raw
        for resolution, found in zip(RESOLUTIONS, folded, strict=True):
            unknown = gone(marks.unknown_before(resolution, row.run))
            there &= found.get(run, Folded()).seen | unknown
        missing = row.slots & ~slots.moved(there, base, tally.from_slot)
        if missing:
            left.append(msgspec.structs.replace(row, slots=missing))
    return left
