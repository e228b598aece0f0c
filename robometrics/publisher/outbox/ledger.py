"""The account of what was taken: one entry for each slot, folded into tallies.

An entry reaches the disk in the same transaction as the batches it counts, and leaves
it in the same one that brings the tally. So nothing is ever taken and not counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec

from robometrics.schema import (
    SAMPLES_PER_BATCH_MAX,
    TALLY_EVENTS_MAX,
    TALLY_ROWS_MAX,
    TALLY_SLOTS_MAX,
    UNREADABLE,
    EventId,
    RunId,
    Tally,
    TallyRow,
)

Kind = Literal["process", "host", "gpu"]
Taken = tuple[
    Kind,
    Annotated[str, msgspec.Meta(max_length=100)],
    RunId,
    Annotated[int, msgspec.Meta(ge=1, le=SAMPLES_PER_BATCH_MAX)],
]
"""Kind, name, run, and number of samples, of one batch."""


class Entry(msgspec.Struct, array_like=True):
    """What was taken in one slot."""

    slot: Annotated[int, msgspec.Meta(gt=-(2**40), lt=2**40)]
    """Whenever that may be: the clock need not be set yet."""

    generation: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    taken: list[Taken] = []
    events: list[EventId] = []
    """Ids of the events written with it."""


class Page(NamedTuple):
    """Entries that fit one tally, and the clock they were stamped by."""

    clock: int | None
    entries: list[Entry]


class Closed(NamedTuple):
    """What a ledger came to."""

    tallies: list[tuple[int | None, Tally]]
    """Each with the clock its slots are stamped by."""

    sequence: int
    """Of the last tally ever made."""

    unreadable: int
    """Entries that were damaged."""

    def around(self, slot: int) -> tuple[int, int]:
        """Return the slots that unreadable entries may have been of, or of *slot*."""
        starts = [tally.from_slot for _, tally in self.tallies] or [slot]
        return min(starts) - TALLY_SLOTS_MAX, max(starts) + 2 * TALLY_SLOTS_MAX


def close(db: sqlite3.Connection, *, host: str, outbox: str, sequence: int) -> Closed:
    """Empty the ledger into tallies, numbered on from *sequence*."""
    entries: list[tuple[int | None, Entry]] = []
    unreadable = 0
    for clock, body in db.execute("SELECT clock, body FROM ledger ORDER BY seq"):
        try:
            entries.append((clock, msgspec.msgpack.decode(body, type=Entry)))
        except (*UNREADABLE, TypeError):
            unreadable += 1
    made = fold(entries, host=host, outbox=outbox, sequence=sequence)
    db.execute("DELETE FROM ledger")
    return Closed(made, sequence + len(made), unreadable)


def fold(
    entries: Iterable[tuple[int | None, Entry]],
    *,
    host: str,
    outbox: str,
    sequence: int = 0,
) -> list[tuple[int | None, Tally]]:
    """Return the tallies of *entries*, with their clocks, numbered after *sequence*."""
    made: list[tuple[int | None, Tally]] = []
    for page in pages(entries):
        first_sequence = sequence + len(made) + 1
        made += [
            (page.clock, tally)
            for tally in tallies(
                page.entries, host=host, outbox=outbox, first_sequence=first_sequence
            )
        ]
    return made


def pages(entries: Iterable[tuple[int | None, Entry]]) -> Iterator[Page]:
    """Yield *entries*, each with its clock, by what fits one tally.

    One generation, one clock, no more slots than a bitmap has bits, none twice.
    """
    page: Page | None = None
    for clock, entry in entries:
        if page is not None and not (clock == page.clock and _fits(page, entry)):
            yield page
            page = None
        if page is None:
            page = Page(clock, [])
        page.entries.append(entry)
    if page is not None:
        yield page


def _fits(page: Page, entry: Entry) -> bool:
    """Tell whether *entry* has a place among the slots of *page*.

    Events have no slot of their own: theirs is when they were written.
    """
    taken = [each for each in page.entries if each.taken]
    if not entry.taken or not taken:
        return True
    first, last = taken[0], taken[-1]
    return (
        entry.generation == first.generation
        and last.slot <= entry.slot < first.slot + TALLY_SLOTS_MAX
    )


def tallies(
    entries: Sequence[Entry], *, host: str, outbox: str, first_sequence: int
) -> list[Tally]:
    """Return what one page of *entries* comes to."""
    first = next((entry for entry in entries if entry.taken), entries[0])
    from_slot = first.slot
    slots: dict[tuple[Kind, str, str], int] = {}
    samples: dict[tuple[Kind, str, str], int] = {}
    events: list[str] = []
    for entry in entries:
        events += entry.events
        if not entry.taken:
            continue  # its slot is when events were written, and may be anywhere
        bit = 1 << entry.slot - from_slot
        for kind, name, run, count in entry.taken:
            key = (kind, name, run)
            slots[key] = slots.get(key, 0) | bit
            samples[key] = samples.get(key, 0) + count
    rows = [TallyRow(*key, slots[key], samples[key]) for key in slots]
    parts = max(-(-len(rows) // TALLY_ROWS_MAX), -(-len(events) // TALLY_EVENTS_MAX), 1)
    return [
        Tally(
            host=host,
            outbox=outbox,
            sequence=first_sequence + part,
            generation=first.generation,
            from_slot=from_slot,
            rows=rows[part * TALLY_ROWS_MAX : (part + 1) * TALLY_ROWS_MAX],
            events=events[part * TALLY_EVENTS_MAX : (part + 1) * TALLY_EVENTS_MAX],
        )
        for part in range(parts if rows or events else 0)
    ]
