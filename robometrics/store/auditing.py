"""Audit one host: read hour by hour, compare, and sum up.

Memory is bounded by one hour of tallies and one hour of one series' slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from robometrics.errors import NotFoundError
from robometrics.schema import TALLY_SLOTS_MAX, Tally, is_reported
from robometrics.store import slots
from robometrics.store.audit import (
    HOUR,
    RANGES_MAX,
    RECENT_SECONDS,
    Account,
    Claim,
    Folded,
    Hour,
    Run,
    Stored,
    claims,
    compare,
    explain,
    hours,
)
from robometrics.store.database import Store
from robometrics.store.fleet_changes import newest
from robometrics.store.fleet_rows import ProcessRow
from robometrics.store.gaps import Explanations
from robometrics.store.keys import Series
from robometrics.store.marks import TALLIES, Marks
from robometrics.store.report import (
    Report,
    missing_numbers,
    note_holes,
    timeline,
)
from robometrics.store.rollups import RESOLUTIONS

GAPS_MAX = 10_000
SILENT_SECONDS = 15
"""A worker that was not heard of for so long will not soon say more."""


class LastWord(NamedTuple):
    """What a host said last."""

    slot: int
    outbox_messages: int | None
    """Not yet acknowledged; ``None`` if it did not say."""


async def last_word(store: Store, host: str) -> LastWord | None:
    """Return what *host* said last, ``None`` if no batch of it is stored.

    Raises:
        RetryLaterError: The database is away.
    """
    series = Series(host, "host", "")
    batch = await store.batches.newest(series)
    if batch is None:
        return None
    if is_reported(batch.run):  # it knows of no outbox: a worker beside it may
        start, stop = batch.slot - SILENT_SECONDS, batch.slot + 1
        async for found in store.batches.read(series, start, stop):
            if not is_reported(found.run):
                batch = found
    return LastWord(batch.slot, newest(batch, "outbox_messages"))


async def audit(
    store: Store, host: str, start: int, stop: int, *, on_its_way: int = 0
) -> Report:
    """Compare what *host* says it took in ``[start, stop)`` with what is stored.

    Args:
        store: The database.
        host: Its name.
        start: First slot.
        stop: The slot after the last.
        on_its_way: Messages that may still mend differences.

    Raises:
        NotFoundError: No sample of *host* is stored.
        RetryLaterError: The database is away.
    """
    lived = await store.fleet.span_of(host)
    if lived is None:
        raise NotFoundError(f"no host {host!r} ever sent a sample")
    said = await last_word(store, host)
    last_slot = max(lived[1], said.slot if said else 0)
    gaps = await store.gaps.read(host, start, stop, limit=GAPS_MAX)
    audited = _Audit(store, host, Explanations(gaps), last_slot - RECENT_SECONDS + 1)
    processes = await store.fleet.processes(host)
    for hour in hours(start, stop):
        await audited.add(hour, processes)
    return await audited.report(start, stop, lived[0], last_slot, on_its_way)


class _Audit:
    """Sums up hours."""

    def __init__(
        self, store: Store, host: str, explanations: Explanations, recent_from: int
    ) -> None:
        self._store = store
        self._host = host
        self._explanations = explanations
        self._recent_from = recent_from
        self._given_up = slots.joined(explanations.given_up())
        self._accounts: dict[Run, Account] = {}
        self._present: list[tuple[int, int]] = []
        self._is_posted_to = False
        self._posted: dict[str, tuple[int, int]] = {}
        """First and last slot of the host's runs that no worker took."""

        self._numbers: dict[str, list[tuple[int, int]]] = {}
        self._tallies = 0
        self._events = 0
        self._missing_events: list[str] = []
        self._missing_events_total = 0
        self._missing_events_explained = 0
        self._beyond: dict[tuple[str, str], int] = {}
        self._beyond_until = 0
        self._tallied_from = 0

    async def add(self, hour: Hour, processes: Sequence[ProcessRow]) -> None:
        first = hour.start - TALLY_SLOTS_MAX + 1
        tallies = [
            tally
            async for tally in self._store.tallies.read(self._host, first, hour.stop)
        ]
        claimed = claims(tallies, hour)
        for tally in tallies:
            if tally.from_slot >= hour.start:
                await self._note(tally)
        names = {(run.kind, run.name) for run in claimed} | {("host", "")}
        names |= {
            ("process", row.process)
            for row in processes
            if row.first_slot <= hour.end and row.last_slot + HOUR >= hour.start
        }
        compared: list[tuple[Account, int]] = []
        for kind, name in sorted(names):
            mine = {run: c for run, c in claimed.items() if run[:2] == (kind, name)}
            compared += [found async for found in self._compare(hour, kind, name, mine)]
        explain(hour, compared, self._explanations)
        for account, _ in compared:
            run = Run(account.kind, account.name, account.run, account.generation)
            if run in self._accounts:
                self._accounts[run].add(account)
            else:
                self._accounts[run] = account

    async def _compare(
        self, hour: Hour, kind: str, name: str, claimed: dict[Run, Claim]
    ) -> AsyncIterator[tuple[Account, int]]:
        """Yield each run of one series, with its missing slots."""
        series = Series(self._host, kind, name)
        if self._beyond.get((kind, name), 0) > hour.base:
            self._note_beyond(hour, kind)
            return
        evidence = self._store.evidence
        stored = await evidence.stored(series, hour.base, hour.end)
        rolled = await asyncio.gather(
            *(
                evidence.folded(series, resolution, hour.base, hour.end)
                for resolution in RESOLUTIONS
            )
        )
        marks = await self._marks_of(series)  # after what they speak of
        if marks.before("raw") > hour.base:
            self._note_beyond(hour, kind)
            return
        by_resolution = {
            resolution: found
            for resolution, found in zip(RESOLUTIONS, rolled, strict=True)
            if marks.unknown_before(resolution) <= hour.base
        }
        ids = {run[2:] for run in claimed} | set(stored) | set().union(*rolled)
        # What the outbox gave up may have been the tally.
        spared = sum(
            slots.span(a, b + 1, hour.base) for a, b in self._in(hour, self._given_up)
        )
        for run_id in sorted(ids):
            run = Run(kind, name, *run_id)
            if marks.before("raw", run.run) > hour.base:
                self._note_beyond(hour, kind)
                continue
            claim = claimed.get(run, Claim())
            kept = stored.get(run_id, Stored())
            folded = {
                resolution: found.get(run_id, Folded())
                for resolution, found in by_resolution.items()
                if marks.unknown_before(resolution, run.run) <= hour.base
            }
            account, missing = compare(
                run,
                hour,
                claim,
                kept,
                folded,
                recent_from=self._recent_from,
                spared=spared,
            )
            self._is_posted_to |= is_reported(run.run)
            if kind == "host":
                there = kept.bits(hour.base) | claim.taken | claim.before
                self._see(run.run, list(slots.ranges(there & hour.slots, hour.base)))
            if account.says_something:
                yield account, missing

    async def _marks_of(self, series: Series) -> Marks:
        """Return what retention left of *series*; without tallies nothing is told."""
        marks = await self._store.marks.read(series)
        host = marks
        if series.kind != "host":
            host = await self._store.marks.read(Series(self._host, "host", ""))
        self._tallied_from = host.before(TALLIES)
        raw = max(marks.before("raw"), self._tallied_from)
        self._beyond[series.kind, series.name] = raw
        return Marks({**marks.series, "raw": raw}, marks.runs)

    def _note_beyond(self, hour: Hour, kind: str) -> None:
        """Leave an hour out: what was there of a series may have been deleted."""
        self._beyond_until = max(self._beyond_until, min(hour.base + HOUR, hour.stop))
        if kind == "host":
            self._present.append((hour.start, hour.stop - 1))

    def _see(self, run: str, found: list[tuple[int, int]]) -> None:
        """Note the slots that there is a batch of the host for."""
        if not is_reported(run):
            self._present += found
        elif found:
            first, last = self._posted.get(run, found[0])
            self._posted[run] = min(first, found[0][0]), max(last, found[-1][1])

    @staticmethod
    def _in(hour: Hour, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [
            (a, min(b, hour.end)) for a, b in found if a < hour.end and hour.base <= b
        ]

    async def _note(self, tally: Tally) -> None:
        self._tallies += 1
        self._numbers.setdefault(tally.outbox, []).append(
            (tally.sequence, tally.from_slot)
        )
        self._events += len(tally.events)
        missing = await self._store.evidence.missing_events(tally.events)
        self._missing_events_total += len(missing)
        last = tally.from_slot + TALLY_SLOTS_MAX - 1
        if any(a <= last and tally.from_slot <= b for a, b in self._given_up):
            self._missing_events_explained += len(missing)
        else:
            self._missing_events += sorted(missing)
            del self._missing_events[RANGES_MAX:]

    async def report(
        self, start: int, stop: int, first_slot: int, last_slot: int, on_its_way: int
    ) -> Report:
        report = Report(
            host=self._host,
            from_slot=start,
            to_slot=stop,
            on_its_way=on_its_way,
            tallies=self._tallies,
            runs=[self._accounts[run] for run in sorted(self._accounts)],
            events=self._events,
            missing_events=self._missing_events,
            missing_events_total=self._missing_events_total,
            missing_events_explained=self._missing_events_explained,
            gaps=self._explanations.all,
            beyond_retention_until=self._beyond_until or None,
        )
        for outbox, found in sorted(self._numbers.items()):
            known, earlier = await self._store.evidence.numbers(
                self._host, outbox, found
            )
            await self._marks_of(Series(self._host, "host", ""))
            report.missing_tallies += missing_numbers(
                outbox,
                known,
                [*self._given_up, (0, self._tallied_from - 1)],
                # Else its first ones may be older than what this database was given.
                from_one=not (earlier or self._tallied_from) and start <= first_slot,
            )
        # Who posts over HTTP may pause: only between a worker's own batches something
        # must be there.
        is_worker = not self._is_posted_to
        holes = timeline(
            self._present,
            [*self._explanations.of_host(), *self._posted.values()],
            since=start if first_slot < start and is_worker else None,
            until=stop - 1 if last_slot >= stop and is_worker else None,
        )
        note_holes(report, holes)
        return report
