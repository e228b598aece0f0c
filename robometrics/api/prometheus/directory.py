"""What there is to select: hosts, processes and GPUs, and the labels of their runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from robometrics import metrics
from robometrics.api.prometheus.errors import ExecutionError
from robometrics.api.prometheus.labels import NAME
from robometrics.api.prometheus.matching import Matcher, all_accept
from robometrics.errors import InvalidNameError
from robometrics.schema import NS_PER_SECOND
from robometrics.store import BEHIND_SLOTS_MAX, RunRow, Series, Store
from robometrics.subjects import unescape

RUNS_MAX = 20_000
HOSTS_MAX = 10_000
_KEPT_SECONDS = 2.0

OF_SERIES = frozenset({"host", "kind", "process", "gpu"})
TAG = "tag_"
RUN = "run"
PART = "part"


class Entity(NamedTuple):
    """A host, a process or a GPU; slots are seconds since the Unix epoch."""

    series: Series
    first_slot: int
    last_slot: int

    @property
    def labels(self) -> dict[str, str]:
        found = {"host": self.series.host, "kind": self.series.kind}
        if self.series.kind != "host":
            found[self.series.kind] = self.series.name
        return found

    def lived(self, start_ns: int, stop_ns: int) -> bool:
        """Return whether it may have samples in the range."""
        return (
            self.first_slot - BEHIND_SLOTS_MAX <= stop_ns // NS_PER_SECOND
            and self.last_slot + BEHIND_SLOTS_MAX >= start_ns // NS_PER_SECOND
        )


class RunFacts(msgspec.Struct, frozen=True):
    """What is known of one run."""

    tags: Mapping[str, str] = {}
    ended_ns: int | None = None
    is_beside: bool = False
    """Whether another run of the same name and tags went on at the same time."""


Runs = Mapping[tuple[Series, str], RunFacts]
"""By series and run id."""


class Directory:
    """The fleet as labels; entities are kept for a moment, a dashboard asks at once."""

    def __init__(self, store: Store) -> None:
        self._fleet = store.fleet
        self._entities: list[Entity] = []
        self._fresh_until = 0.0

    async def entities(self) -> Sequence[Entity]:
        """Return all there ever was.

        Raises:
            RetryLaterError: The database is away.
        """
        if time.monotonic() < self._fresh_until:
            return self._entities
        hosts = await self._fleet.latest_hosts(HOSTS_MAX)
        processes = await self._fleet.processes()
        gpus = await self._fleet.gpus()
        found = [
            Entity(Series(row.host, "host", ""), row.first_slot, row.last_slot)
            for row in hosts
        ]
        found += [
            Entity(
                Series(row.host, "process", row.process), row.first_slot, row.last_slot
            )
            for row in processes
        ]
        found += [
            Entity(
                Series(row.host, "gpu", str(row.index)), row.first_slot, row.last_slot
            )
            for row in gpus
        ]
        self._entities = found
        self._fresh_until = time.monotonic() + _KEPT_SECONDS
        return found

    async def runs(
        self, entities: Iterable[Entity], start_ns: int, stop_ns: int
    ) -> Runs:
        """Return the runs of the processes in *entities* within a range.

        Raises:
            ExecutionError: There are too many.
            RetryLaterError: The database is away.
        """
        series = {each.series for each in entities if each.series.kind == "process"}
        if not series:
            return {}
        rows = await self._fleet.runs_between(
            sorted({each.host for each in series}),
            start_ns // NS_PER_SECOND - BEHIND_SLOTS_MAX,
            stop_ns // NS_PER_SECOND + BEHIND_SLOTS_MAX,
            limit=RUNS_MAX + 1,
        )
        if len(rows) > RUNS_MAX:
            raise ExecutionError(
                f"more than {RUNS_MAX} runs of processes; select a host, or a shorter "
                "time"
            )
        by_series: dict[Series, list[RunRow]] = {}
        for row in rows:
            of = Series(row.host, "process", row.process)
            if of in series:
                by_series.setdefault(of, []).append(row)
        return {
            (of, run): facts
            for of, found in by_series.items()
            for run, facts in _facts(found).items()
        }


def _facts(rows: Sequence[RunRow]) -> dict[str, RunFacts]:
    """Return what is known of the runs of one process."""
    beside: set[str] = set()
    latest: dict[tuple[tuple[str, str], ...], RunRow] = {}
    for row in sorted(rows, key=lambda row: row.first_slot or 0):
        tags = tuple(sorted(row.tags.items()))
        other = latest.get(tags)
        if other is not None and (row.first_slot or 0) < _last_slot(other):
            beside |= {row.run, other.run}
        if other is None or _last_slot(row) > _last_slot(other):
            latest[tags] = row
    return {
        row.run: RunFacts(row.tags, row.ended_ns, row.run in beside) for row in rows
    }


def _last_slot(row: RunRow) -> int:
    last = row.last_slot or 0
    return last if row.ended_ns is None else min(last, row.ended_ns // NS_PER_SECOND)


def may_match(matchers: Iterable[Matcher], entity: Entity) -> bool:
    """Return whether *entity* fits those matchers that concern it as a whole."""
    own = [each for each in matchers if each.name in OF_SERIES]
    return all_accept(own, entity.labels)


def labels_of(
    entity: Entity, key: str, run: str, facts: RunFacts, *, with_run: bool
) -> dict[str, str]:
    """Return the labels of one metric of one run.

    Args:
        entity: Host, process or GPU.
        key: Of the metric, with its instance.
        run: Id of the run.
        facts: What is known of it.
        with_run: Whether to tell runs apart in any case.
    """
    name, instance = metrics.split_key(key)
    labels = {NAME: name, **entity.labels}
    if instance:
        labels[PART] = _readable(instance)
    for tag, value in facts.tags.items():
        labels[TAG + tag] = value
    if entity.series.kind == "process" and (facts.is_beside or with_run):
        labels[RUN] = run
    return labels


def _readable(instance: str) -> str:
    try:
        return unescape(instance)
    except InvalidNameError:
        return instance
