"""The result of an audit: every difference, and what it means altogether."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from robometrics.store import slots
from robometrics.store.audit import RANGES_MAX, Account
from robometrics.store.gaps import Explained

State = Literal["clean", "waiting", "unexplained"]


class MissingTallies(msgspec.Struct, kw_only=True):
    """Numbers that one outbox gave, and that are not stored; both ends included."""

    outbox: str
    first: int
    last: int
    from_slot: int
    """Of the tally before them."""

    to_slot: int
    """Of the tally after them."""

    explained: bool = False
    """The outbox gave something up then."""


class Report(msgspec.Struct, kw_only=True):
    """One host over ``[from_slot, to_slot)``."""

    host: str
    from_slot: int
    to_slot: int
    on_its_way: int = 0
    """Messages that were not stored yet when the reading began."""

    tallies: int = 0
    runs: list[Account] = []
    missing_tallies: list[MissingTallies] = []
    events: int = 0
    """Events in the tallies."""

    missing_events: list[str] = []
    """The first ids that are not stored, and that nothing explains."""

    missing_events_total: int = 0
    missing_events_explained: int = 0
    holes: list[tuple[int, int]] = []
    """The first slots of which nothing is known: no batch of the host, and no gap."""

    holes_slots: int = 0
    gaps: list[Explained] = []
    beyond_retention_until: int | None = None
    """Of some series the range up to there was left out: retention deleted it."""

    @property
    def late(self) -> int:
        """Return how many messages it takes, at least, to mend the differences."""
        kept = sum(each.unexplained for each in self.runs) + self.holes_slots
        not_folded = sum(max(each.not_folded.values(), default=0) for each in self.runs)
        only = sum(max(each.only_folded.values(), default=0) for each in self.runs)
        tallies = sum(
            each.last - each.first + 1
            for each in self.missing_tallies
            if not each.explained
        )
        events = self.missing_events_total - self.missing_events_explained
        return max(kept, not_folded, only) + tallies + events

    @property
    def wrong(self) -> int:
        """Return the number of differences that no message can mend."""
        return sum(
            each.unequal + each.doubled + sum(each.unequal_windows.values())
            for each in self.runs
        )

    @property
    def untallied(self) -> int:
        return sum(each.untallied for each in self.runs)

    @property
    def too_young(self) -> int:
        """Return the number of batches stored whose tally is still to come."""
        return sum(each.untallied_recent for each in self.runs)

    @property
    def state(self) -> State:
        """``waiting``: what is on its way may mend all of it, or is all there is."""
        if not (self.late or self.wrong or self.untallied):
            is_judged = any(each.taken for each in self.runs) or not self.too_young
            return "clean" if is_judged else "waiting"
        if self.wrong or self.late > self.on_its_way or not self.on_its_way:
            return "unexplained"
        return "waiting"


def timeline(
    present: Iterable[tuple[int, int]],
    gaps: Iterable[tuple[int, int]],
    *,
    since: int | None,
    until: int | None,
) -> list[tuple[int, int]]:
    """Return the slots of which nothing is known, between the first and the last.

    Args:
        present: Slots with a batch of the host, taken or stored.
        gaps: Slots that the host says are missing.
        since: First slot of the range, if the host was there before it.
        until: Last slot of the range, if the host was there after it.
    """
    there = slots.joined(present)
    first = since if since is not None or not there else there[0][0]
    last = until if until is not None or not there else there[-1][1]
    if first is None or last is None or last < first:
        return []
    return slots.without([(first, last)], [*there, *gaps])


def note_holes(report: Report, holes: Sequence[tuple[int, int]]) -> None:
    report.holes = list(holes[:RANGES_MAX])
    report.holes_slots = slots.count(holes)


def missing_numbers(
    outbox: str,
    known: Iterable[tuple[int, int]],
    given_up: Sequence[tuple[int, int]],
    *,
    from_one: bool,
) -> list[MissingTallies]:
    """Return the numbers between those of *known* (sequence, first slot).

    Args:
        outbox: Whose.
        known: Those stored.
        given_up: Slots of which the outbox gave something up.
        from_one: Whether the first ones too must be there.
    """
    in_order = sorted(known)
    if from_one and in_order:
        in_order.insert(0, (0, in_order[0][1]))
    found = []
    for (before, from_slot), (after, to_slot) in pairwise(in_order):
        if after > before + 1:
            low, high = min(from_slot, to_slot), max(from_slot, to_slot)
            found.append(
                MissingTallies(
                    outbox=outbox,
                    first=before + 1,
                    last=after - 1,
                    from_slot=low,
                    to_slot=high,
                    explained=any(a <= high and low <= b for a, b in given_up),
                )
            )
    return found
