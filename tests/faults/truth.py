"""What was fed against what is stored: read back with pymongo and the codec."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from faults.journal import Fed
from pymongo.database import Database

from robometrics.store.assembly import batches_of
from robometrics.store.batches import document_strip
from robometrics.store.keys import Series

NS_PER_SECOND = 1_000_000_000
WALL_TOLERANCE_NS = 250_000_000
"""How far the worker's own clock may be from the wall clock in the journal."""

NEVER_TAKEN = frozenset(
    {
        "worker_killed",
        "worker_stopped",
        "host_off",
        "host_asleep",
        "overrun",
        "process_unreadable",
        "clock",
    }
)
"""Causes of gaps that explain all in their range; the others, only what they count."""

Document = Mapping[str, Any]


@dataclass
class Gap:
    """One gap event."""

    process: str | None
    from_slot: int
    to_slot: int
    cause: str
    left: int | None
    """How many batches it can still explain; ``None``: all in its range."""

    def explains(self, process: str, slots: set[int]) -> bool:
        return (
            self.process in (None, process)
            and (self.left is None or self.left > 0)
            and any(self.from_slot <= slot <= self.to_slot for slot in slots)
        )


@dataclass
class Account:
    """The difference of what was fed and what is stored; samples as their values."""

    fed: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    unexplained: list[int] = field(default_factory=list)
    duplicated: list[int] = field(default_factory=list)
    invented: list[int] = field(default_factory=list)
    """Stored and never fed."""

    def between(self, start: int, stop: int) -> Account:
        """Return the part of it with ``start <= value < stop``."""
        return Account(
            *(
                [value for value in values if start <= value < stop]
                for values in (
                    self.fed,
                    self.missing,
                    self.unexplained,
                    self.duplicated,
                    self.invented,
                )
            )
        )

    @property
    def is_clean(self) -> bool:
        """Nothing twice, nothing made up, nothing missing without a reason."""
        return not (self.unexplained or self.duplicated or self.invented)


def read_batches(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield each batch in *documents*, fresh or in blocks, with its columns."""
    for document in documents:
        series = Series(document["host"], document["kind"], document["name"])
        run = document["run"], document["generation"]
        for batch in batches_of(document_strip(dict(document)), series, *run):
            yield {
                "kind": batch.kind,
                "name": batch.name,
                "run": batch.run,
                "generation": batch.generation,
                "slot": datetime.fromtimestamp(batch.slot, timezone.utc),
                "count": len(batch.offset_ns),
                "metrics": batch.metrics,
            }


def known_values(batch: Document, name: str) -> list[int]:
    """Return the values of a metric that could be read."""
    return [int(value) for value in batch["metrics"].get(name, ()) if value is not None]


def untold_slots(fed: Mapping[str, Fed], known: Iterable[Gap]) -> list[int]:
    """Return the seconds in which nothing was fed, and no gap says why."""
    slots = {ns // NS_PER_SECOND for each in fed.values() for ns in each.wall_ns}
    told = {
        slot
        for gap in known
        if gap.process is None
        for slot in range(gap.from_slot, gap.to_slot + 1)
    }
    return [
        slot
        for slot in range(min(slots, default=0), max(slots, default=0))
        if slot not in slots and slot not in told
    ]


def stored_values(batches: Iterable[Document]) -> dict[str, list[int]]:
    """Return the CPU times of each process in *batches*."""
    values: defaultdict[str, list[int]] = defaultdict(list)
    for batch in batches:
        if batch["kind"] == "process":
            values[batch["name"]] += known_values(batch, "cpu_time_ns")
    return dict(values)


def gaps(database: Database[Any], host: str) -> list[Gap]:
    """Return the gap events of *host*."""
    found = database["events"].find({"host": host, "event": "gap"})
    return [
        Gap(
            process=event.get("process"),
            from_slot=event["from_slot"],
            to_slot=event["to_slot"],
            cause=event.get("cause", ""),
            left=None
            if event.get("cause") in NEVER_TAKEN
            else int(event.get("missing", 0)),
        )
        for event in found
        if "from_slot" in event
    ]


def compare(
    fed: Mapping[str, Fed], stored: Mapping[str, list[int]], known: list[Gap]
) -> Account:
    """Return the difference of *fed* and *stored*, both by process."""
    account = Account()
    for process in fed.keys() | stored.keys():
        of_process = fed.get(process) or Fed()
        there = stored.get(process, [])
        once = set(there)
        account.fed.extend(of_process.values)
        account.invented.extend(once.difference(of_process.values))
        if len(once) < len(there):
            account.duplicated += _repeated(there)
        lost: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for value, wall_ns in zip(of_process.values, of_process.wall_ns, strict=True):
            if value not in once:
                lost[wall_ns // NS_PER_SECOND].append((value, wall_ns))
        for slot in sorted(lost):
            values = [value for value, _ in lost[slot]]
            account.missing += values
            if not _explained(process, lost[slot], known):
                account.unexplained += values
    return account


def _explained(process: str, lost: list[tuple[int, int]], known: list[Gap]) -> bool:
    """Tell whether a gap covers the samples *lost* of about one batch."""
    slots = {
        (wall_ns + shift) // NS_PER_SECOND
        for _, wall_ns in lost
        for shift in (-WALL_TOLERANCE_NS, 0, WALL_TOLERANCE_NS)
    }
    covering = [gap for gap in known if gap.explains(process, slots)]
    for gap in sorted(covering, key=lambda gap: gap.left is not None):
        if gap.left is not None:
            gap.left -= 1
        return True
    return False


def _repeated(values: list[int]) -> list[int]:
    seen: set[int] = set()
    repeated = []
    for value in values:
        if value in seen:
            repeated.append(value)
        seen.add(value)
    return repeated
