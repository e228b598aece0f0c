"""Compare what workers say they took with what is stored and folded; pure.

An hour of one run at a time. Bit *i* of a set of slots is slot ``Hour.base + i``; a
tally that begins in the hour is held to all its slots, so a minute of the next hour
belongs to it too. ``evidence`` reads what is compared here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

import msgspec

from robometrics.schema import TALLY_SLOTS_MAX, Tally, is_reported
from robometrics.store import slots
from robometrics.store.gaps import Explanations
from robometrics.store.rollups import RESOLUTIONS

HOUR = 3_600
RECENT_SECONDS = 90
"""A tally is made once a minute: what is younger need not be in one yet."""

RANGES_MAX = 20


class Run(NamedTuple):
    """One run of one series in one generation of the host's clock."""

    kind: str
    name: str
    run: str
    generation: int


class Hour(NamedTuple):
    """The part ``[start, stop)`` of the hour that begins at ``base``."""

    base: int
    start: int
    stop: int

    @property
    def end(self) -> int:
        """Where the last tally ends that begins in the hour."""
        return self.base + HOUR + TALLY_SLOTS_MAX - 1

    @property
    def slots(self) -> int:
        return slots.span(self.start, self.stop, self.base)


def hours(start: int, stop: int) -> list[Hour]:
    """Return the hours that ``[start, stop)`` has a part in."""
    return [
        Hour(base, max(base, start), min(base + HOUR, stop))
        for base in range(start - start % HOUR, stop, HOUR)
    ]


class Claim(msgspec.Struct):
    """What tallies say of one run."""

    taken: int = 0
    """Slots of the tallies that begin in the hour."""

    doubled: int = 0
    """Slots that two tallies claim."""

    before: int = 0
    """Slots of the tallies that began before: audited with those."""

    rows: list[tuple[int, int]] = []
    """Slots and samples of each tally."""


class Stored(msgspec.Struct):
    """The batches of one run: samples by slot."""

    samples: dict[int, int] = {}

    def bits(self, base: int) -> int:
        return sum(1 << (slot - base) for slot in self.samples)


class Folded(msgspec.Struct):
    """The rollups of one run in one resolution."""

    seen: int = 0
    samples: dict[int, int] = {}
    """Of each window, by its first slot."""


class Account(msgspec.Struct, kw_only=True):
    """One run, compared; counts are of batches where they do not say otherwise."""

    kind: str
    name: str
    run: str
    generation: int = 0
    taken: int = 0
    taken_samples: int = 0
    stored: int = 0
    stored_samples: int = 0
    missing: int = 0
    """Taken, not stored."""

    explained: int = 0
    """Of these: given up, as a gap event says."""

    missing_slots: list[tuple[int, int]] = []
    """The first that nothing explains, both ends included."""

    unequal: int = 0
    """Tallies whose samples are not those stored in their slots."""

    doubled: int = 0
    """Taken twice: of two batches of one identity only one can be stored."""

    untallied: int = 0
    """Stored, in no tally, and too old for that."""

    untallied_recent: int = 0
    """Stored, in no tally yet."""

    reported: int = 0
    """Stored, posted over HTTP: no worker says what it took."""

    not_folded: dict[str, int] = {}
    """Stored, but not in the rollups, by resolution."""

    only_folded: dict[str, int] = {}
    """In the rollups, but not stored."""

    unequal_windows: dict[str, int] = {}
    """Windows of the stored slots, but with other counts of samples."""

    @property
    def unexplained(self) -> int:
        return self.missing - self.explained

    @property
    def says_something(self) -> bool:
        return bool(self.taken or self.stored or self.only_folded)

    def add(self, other: Account) -> None:
        """Add another hour of the same run."""
        for field in (
            *("taken", "taken_samples", "stored", "stored_samples", "missing"),
            *("explained", "unequal", "doubled"),
            *("untallied", "untallied_recent", "reported"),
        ):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        for mine, theirs in (
            (self.not_folded, other.not_folded),
            (self.only_folded, other.only_folded),
            (self.unequal_windows, other.unequal_windows),
        ):
            for resolution, number in theirs.items():
                mine[resolution] = mine.get(resolution, 0) + number
        self.missing_slots = slots.joined(self.missing_slots + other.missing_slots)
        del self.missing_slots[RANGES_MAX:]


def claims(tallies: Iterable[Tally], hour: Hour) -> dict[Run, Claim]:
    """Return what *tallies* (beginning a minute before the hour) say of each run."""
    found: dict[Run, Claim] = {}
    for tally in tallies:
        for row in tally.rows:
            run = Run(row.kind, row.name, row.run, tally.generation)
            claim = found.setdefault(run, Claim())
            bits = slots.moved(row.slots, tally.from_slot, hour.base)
            if tally.from_slot < hour.start:
                claim.before |= bits
                continue
            claim.doubled |= bits & (claim.taken | claim.before)
            claim.taken |= bits
            claim.rows.append((bits, row.samples))
    return found


def compare(
    run: Run,
    hour: Hour,
    claim: Claim,
    stored: Stored,
    folded: Mapping[str, Folded],
    *,
    recent_from: int,
    spared: int = 0,
) -> tuple[Account, int]:
    """Return the account of one run, nothing explained yet, and its missing slots.

    Args:
        run: Whose.
        hour: When.
        claim: What was taken.
        stored: All that is stored from the hour's base to its end.
        folded: The same of each resolution.
        recent_from: First slot that need not be in a tally yet.
        spared: Slots whose tally may have been given up.
    """
    base = hour.base
    there = stored.bits(base)
    audited = hour.slots & ~claim.before | claim.taken
    missing = claim.taken & ~there
    recent = slots.span(recent_from, hour.end, base)
    untallied = there & audited & ~claim.taken
    reported = untallied if is_reported(run.run) else 0
    untallied &= ~reported
    account = Account(
        **run._asdict(),
        taken=claim.taken.bit_count(),
        taken_samples=sum(samples for _, samples in claim.rows),
        stored=(there & audited).bit_count(),
        stored_samples=_samples(stored, there & audited, base),
        missing=missing.bit_count(),
        doubled=claim.doubled.bit_count(),
        untallied=(untallied & ~recent & ~spared).bit_count(),
        untallied_recent=(untallied & recent).bit_count(),
        reported=reported.bit_count(),
    )
    for bits, samples in claim.rows:
        found = _samples(stored, bits & there, base)
        least = samples - (bits & missing).bit_count()  # a batch has one at least
        if found != samples if not bits & missing else found > least:
            account.unequal += 1
    for resolution, rolled in folded.items():
        for counts, number in (
            (account.not_folded, (there & audited & ~rolled.seen).bit_count()),
            (account.only_folded, (rolled.seen & audited & ~there).bit_count()),
            (
                account.unequal_windows,
                _unequal_windows(hour, stored, there, resolution, rolled),
            ),
        ):
            if number:
                counts[resolution] = number
    return account, missing


def _unequal_windows(
    hour: Hour, stored: Stored, there: int, resolution: str, folded: Folded
) -> int:
    """Count the windows that touch the hour and hold other numbers of samples.

    Where the slots differ, the samples must: that is told already.
    """
    size = RESOLUTIONS[resolution].window
    unequal = 0
    for start in range(hour.start - hour.start % size, hour.stop, size):
        window = slots.span(start, start + size, hour.base)
        if there & window == folded.seen & window:
            expected = _samples(stored, there & window, hour.base)
            unequal += expected != folded.samples.get(start, 0)
    return unequal


def _samples(stored: Stored, bits: int, base: int) -> int:
    return sum(stored.samples[slot] for slot in slots.each(bits, base))


def explain(
    hour: Hour,
    compared: Sequence[tuple[Account, int]],
    explanations: Explanations,
) -> None:
    """Have gaps explain what is missing, the oldest slots of all runs first."""
    gaps = explanations.during(hour.base, hour.end)
    left = [missing for _, missing in compared]
    for slot in slots.each(reduce(or_, left, 0) if gaps else 0, hour.base):
        bit = 1 << (slot - hour.base)
        for index, (account, missing) in enumerate(compared):
            identity = account.kind, account.name, account.run
            if missing & bit and any(gap.take(slot, *identity) for gap in gaps):
                account.explained += 1
                left[index] &= ~bit
    for (account, _), unexplained in zip(compared, left, strict=True):
        found = list(slots.ranges(unexplained, hour.base))
        account.missing_slots = found[:RANGES_MAX]
