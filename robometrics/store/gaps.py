"""Gaps as workers tell them: intervals in which samples are known to be missing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from pymongo import ASCENDING, DESCENDING

from robometrics.schema import GAP_CAUSES
from robometrics.store.driver import Database, plain
from robometrics.store.failures import translated

INDEXES = (
    ("events", [("host", ASCENDING), ("event", ASCENDING), ("to_slot", ASCENDING)]),
)
GIVEN_UP = frozenset({"outbox_full", "outbox_expired", "outbox_damaged", "disk"})
"""Causes by which a worker loses what it took; by all others it took nothing."""


class Gap(msgspec.Struct, kw_only=True, frozen=True):
    """One interval of a host or of one of its processes, both ends included."""

    from_slot: int
    to_slot: int
    cause: str
    """One of ``schema.GAP_CAUSES``, or of a newer worker; empty if it gave none."""

    reason: str = ""
    process: str | None = None
    """``None``: it is about the whole host."""

    run: str | None = None
    missing: int | None = None
    """Batches; ``None`` if not known."""

    missing_samples: int | None = None
    """Samples in batches that are there."""

    @property
    def is_of_host(self) -> bool:
        return self.process is None and self.run is None

    @property
    def text(self) -> str:
        """The cause, for people."""
        return cause_text(self.cause, self.reason)

    def is_about(self, kind: str, name: str, run: str | None) -> bool:
        """Tell whether it concerns a series, and a run of it if *run* is given."""
        if self.run is not None and run not in (None, self.run):
            return False
        return self.process is None or (kind, name) == ("process", self.process)

    def touches(self, start: int, stop: int) -> bool:
        return self.from_slot < stop and start <= self.to_slot


def cause_text(cause: str | None, reason: str | None) -> str:
    """Return why samples are missing, for people."""
    return GAP_CAUSES.get(cause or "") or reason or cause or "not known"


class Gaps:
    """The gap events in one database."""

    def __init__(self, database: Database) -> None:
        self._events = database["events"]

    async def read(self, host: str, start: int, stop: int, *, limit: int) -> list[Gap]:
        """Return the gaps of *host* that touch ``[start, stop)``, in order.

        At most *limit*: then the latest.
        """
        wanted = {
            "host": host,
            "event": "gap",
            "to_slot": {"$gte": start},
            "from_slot": {"$lt": stop},
        }
        with translated():
            cursor = self._events.find(wanted).sort("to_slot", DESCENDING).limit(limit)
            found = [
                Gap(
                    from_slot=row["from_slot"],
                    to_slot=row["to_slot"],
                    cause=row.get("cause", ""),
                    reason=row.get("reason", ""),
                    process=row.get("process"),
                    run=row.get("run"),
                    missing=plain(row.get("missing")),
                    missing_samples=plain(row.get("missing_samples")),
                )
                async for row in cursor
            ]
        return sorted(found, key=lambda gap: (gap.from_slot, gap.to_slot))


class Explained(msgspec.Struct):
    """One gap, and how much of what was given up it accounts for."""

    gap: Gap
    batches: int = 0

    @property
    def is_used_up(self) -> bool:
        return self.gap.missing is not None and self.batches >= self.gap.missing

    def take(self, slot: int, kind: str, name: str, run: str) -> bool:
        """Account for one batch that was taken and is not stored, if it is its."""
        fits = (
            self.gap.from_slot <= slot <= self.gap.to_slot
            and not self.is_used_up
            and self.gap.is_about(kind, name, run)
        )
        self.batches += fits
        return fits


class Explanations:
    """The gaps of a host, each of which explains no more than it says."""

    def __init__(self, gaps: Iterable[Gap]) -> None:
        self.all = [Explained(gap) for gap in gaps]
        self._given_up = sorted(
            (each for each in self.all if each.gap.cause in GIVEN_UP),
            # The narrow ones first: a wide one may be needed elsewhere.
            key=lambda each: (each.gap.is_of_host, each.gap.to_slot),
        )

    def during(self, start: int, stop: int) -> list[Explained]:
        """Return those that account for batches given up in ``[start, stop)``."""
        return [each for each in self._given_up if each.gap.touches(start, stop)]

    def given_up(self) -> list[tuple[int, int]]:
        """Return the slots of which the whole host gave up some batches."""
        return [
            (each.gap.from_slot, each.gap.to_slot)
            for each in self._given_up
            if each.gap.is_of_host
        ]

    def of_host(self) -> list[tuple[int, int]]:
        """Return the slots of which the host says that they are missing."""
        return [(e.gap.from_slot, e.gap.to_slot) for e in self.all if e.gap.is_of_host]
