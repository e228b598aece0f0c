"""Who samples are of, as other systems want to know it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from robometrics.broker import Delivery
from robometrics.errors import InvalidNameError, RetryLaterError
from robometrics.schema import AnyBatch, GpuBatch, ProcessBatch
from robometrics.store import Fleet, RunRow
from robometrics.subjects import unescape

REGISTRATION_SECONDS = 5.0
"""A batch waits so long for the registration of its process, which has its tags."""

REFRESH_SECONDS = 60.0
SOURCES_MAX = 50_000

Identity = tuple[str, str, str, str]


class Source:
    """One run of a process, one boot of a host, or one GPU during it."""

    __slots__ = (
        *("batch", "checked_at", "dense", "newest_ns"),
        *("restarts_ns", "started_at_ns", "tags", "written"),
    )

    def __init__(self, batch: AnyBatch) -> None:
        self.batch = replace(batch, offset_ns=[0], metrics={}, previous=None)
        """Any batch of it, for its names alone."""

        self.tags: Mapping[str, str] = {}
        self.started_at_ns = 0
        """Where its counters began, ns since the Unix epoch; 0 if not known."""

        self.checked_at = 0.0
        """When its registration was looked up, by ``time.monotonic``."""

        self.newest_ns = 0
        """When the newest sample was taken that the target has."""

        self.dense: frozenset[str] | None = None
        """Keys that were in its last batch that began a step."""

        self.restarts_ns: dict[str, int] = {}
        """When counters began anew, by key."""

        self.written: dict[str, Any] = {}
        """What an encoder need not make again, by key."""

    def describe(self, row: RunRow, now: float) -> None:
        self.checked_at = now
        if (row.tags, row.started_at_ns or 0) != (self.tags, self.started_at_ns):
            self.tags, self.started_at_ns = row.tags, row.started_at_ns or 0
            self.written = {}


class Reading(NamedTuple):
    """Values that one source had at one time."""

    source: Source
    at_ns: int
    values: dict[str, int | float]
    """By metric key."""


class Sources:
    """All sources that were seen lately."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._known: OrderedDict[Identity, Source] = OrderedDict()

    async def find(self, received: Sequence[tuple[Delivery, AnyBatch]]) -> list[Source]:
        """Return the source of each batch.

        Raises:
            RetryLaterError: The database is away, or was not told yet who registered.
        """
        sources = [self._get(batch) for _, batch in received]
        now = time.monotonic()
        due = {
            (source.batch.host, source.batch.name, source.batch.run): (source, delivery)
            for source, (delivery, batch) in zip(sources, received, strict=True)
            if isinstance(batch, ProcessBatch)
            and (not source.checked_at or now - source.checked_at > REFRESH_SECONDS)
        }
        if not due:
            return sources
        try:
            rows = await self._fleet.find_runs(due)
        except RetryLaterError:
            if any(not source.checked_at for source, _ in due.values()):
                raise
            return sources  # what was known a minute ago will do
        for (host, process, run), (source, delivery) in due.items():
            row = rows.get((host, process, run))
            if row is not None and row.registered_ns:
                source.describe(row, now)
            elif source.checked_at or _is_old(delivery):
                source.checked_at = now
            else:
                raise RetryLaterError(f"{process} of {host}: its tags are not here yet")
        return sources

    def _get(self, batch: AnyBatch) -> Source:
        identity = (batch.host, batch.kind, batch.name, batch.run)
        source = self._known.get(identity)
        if source is None:
            source = self._known[identity] = Source(batch)
            if len(self._known) > SOURCES_MAX:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(identity)
        return source


def names_of(batch: AnyBatch) -> Iterable[tuple[str, str]]:
    """Return what tells its series from others, in the words of our Prometheus API."""
    yield "host", batch.host
    yield "kind", batch.kind
    if isinstance(batch, ProcessBatch):
        yield "process", batch.process
    elif isinstance(batch, GpuBatch):
        yield "gpu", batch.name


def part_of(instance: str) -> str:
    """Return the name of one of several, such as a disk, as people know it."""
    try:
        return unescape(instance)
    except InvalidNameError:  # another made it than our worker
        return instance


def _is_old(delivery: Delivery) -> bool:
    return time.time() - delivery.stored_at > REGISTRATION_SECONDS
