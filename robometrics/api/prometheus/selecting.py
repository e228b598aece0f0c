"""Turn the selectors of an expression into lines: what to read, and how it joins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from robometrics import metrics
from robometrics.api.prometheus.directory import (
    RUN,
    Directory,
    Entity,
    RunFacts,
    Runs,
    labels_of,
    may_match,
)
from robometrics.api.prometheus.errors import ExecutionError
from robometrics.api.prometheus.evaluate import Times
from robometrics.api.prometheus.expression import Select
from robometrics.api.prometheus.labels import Labels, make_labels
from robometrics.api.prometheus.lines import Line, Windows
from robometrics.api.prometheus.matching import all_accept
from robometrics.api.prometheus.source import RAW, Budget, Source, Track
from robometrics.schema import NS_PER_SECOND
from robometrics.store import RESOLUTIONS

SERIES_MAX = 10_000
LOOKBACK_MIN_NS = 15 * NS_PER_SECOND
LOOKBACK_MAX_NS = 300 * NS_PER_SECOND
LOOKBACK_INTERVALS = 5
RAW_RANGE_MAX_NS = 4 * 3600 * NS_PER_SECOND
"""What is longer is read from rollups: decoding it would hold up everybody."""

_WINDOWS_AT_ONCE = 30  # of an instant query, which reads little
_WINDOWS_IN_DUMP = 1_200


class Reading(NamedTuple):
    """What one selector needs."""

    resolution: str
    start_ns: int
    stop_ns: int

    @property
    def window_ns(self) -> int:
        if self.resolution == RAW:
            return 0
        return RESOLUTIONS[self.resolution].window * NS_PER_SECOND

    @property
    def longest(self) -> Reading:
        """As far back as a value can ever be the present one."""
        start_ns = self.stop_ns - LOOKBACK_MAX_NS - self.window_ns
        return self._replace(start_ns=min(self.start_ns, start_ns))


def reading_of(select: Select, times: Times, *, is_dump: bool = False) -> Reading:
    """Return what to read for *select*.

    Args:
        select: The selector.
        times: When it is looked at.
        is_dump: Whether its samples are the answer themselves.

    Raises:
        ExecutionError: It needs each sample of too long a time.
    """
    at_ns = times.of(select)
    first, last = int(at_ns[0]), int(at_ns[-1])
    if select.range_ns == 0:
        reach, unit = _reach(select, times), times.step_ns
    else:
        reach, unit = select.range_ns, select.range_ns // _WINDOWS_AT_ONCE
        if times.step_ns:
            unit = min(select.range_ns // select.windows_min, times.step_ns)
    if is_dump:
        unit = select.range_ns // _WINDOWS_IN_DUMP
    is_long = last - first + reach > RAW_RANGE_MAX_NS
    resolution = RAW
    if select.is_exact and is_long:
        raise ExecutionError(
            "this function needs each sample, and the time is longer than "
            f"{RAW_RANGE_MAX_NS // (3600 * NS_PER_SECOND)} hours"
        )
    if is_long or (not select.is_exact and not is_dump):
        resolution = _coarsest(unit)
        if is_long and resolution == RAW:
            resolution = next(iter(RESOLUTIONS))
    found = Reading(resolution, first - reach, last)
    return found._replace(start_ns=found.start_ns - found.window_ns)


def _coarsest(unit_ns: int) -> str:
    resolution = RAW
    for name, stored in RESOLUTIONS.items():
        if stored.window * NS_PER_SECOND <= unit_ns:
            resolution = name
    return resolution


def _reach(select: Select, times: Times) -> int:
    """Return how far back the present value may lie, as far as is known beforehand."""
    if times.step_ns:
        return LOOKBACK_MAX_NS
    period = 0
    if known := metrics.METRICS.get(select.equalities.get("__name__", "")):
        period = known.period_seconds
    return lookback_ns(period * NS_PER_SECOND)


def lookback_ns(interval_ns: int) -> int:
    """Return for how long a sample is the present value."""
    wanted = LOOKBACK_INTERVALS * interval_ns
    return min(max(wanted, LOOKBACK_MIN_NS), LOOKBACK_MAX_NS)


class Gathered(NamedTuple):
    """What was read for the selectors of one query."""

    readings: Mapping[Select, Reading]
    wanted: Mapping[Select, Sequence[Entity]]
    runs: Runs
    tracks: Mapping[tuple[Reading, Entity], Sequence[Track]]

    def lines(self) -> dict[Select, list[Line]]:
        """Return the lines of each selector; this takes a while of many.

        Raises:
            ExecutionError: There are too many.
        """
        return {
            select: _lines(
                select,
                {each: self.tracks[reading, each] for each in self.wanted[select]},
                self.runs,
                reading.window_ns,
            )
            for select, reading in self.readings.items()
        }


class Selection:
    """Reads what the selectors of one query need, each series and span once."""

    def __init__(self, directory: Directory, source: Source, budget: Budget) -> None:
        self._directory = directory
        self._source = source
        self._budget = budget

    async def read(
        self, selects: Iterable[Select], times: Times, *, is_dump: bool = False
    ) -> Gathered:
        """Read for each of *selects*.

        Raises:
            ExecutionError: There are too many runs or samples.
            RetryLaterError: The database is away.
        """
        readings = {
            select: reading_of(select, times, is_dump=is_dump)
            for select in dict.fromkeys(selects)
        }
        if not readings:
            return Gathered({}, {}, {}, {})
        entities = await self._directory.entities()
        wanted = {
            select: [
                entity
                for entity in entities
                if entity.lived(reading.longest.start_ns, reading.stop_ns)
                and may_match(select.matchers, entity)
            ]
            for select, reading in readings.items()
        }
        # One look for all: the two sides of an operator must agree on labels.
        runs = await self._directory.runs(
            {entity for found in wanted.values() for entity in found},
            min(reading.longest.start_ns for reading in readings.values()),
            max(reading.stop_ns for reading in readings.values()),
        )
        return Gathered(readings, wanted, runs, await self._read(readings, wanted))

    async def _read(
        self,
        readings: Mapping[Select, Reading],
        wanted: Mapping[Select, Sequence[Entity]],
    ) -> dict[tuple[Reading, Entity], list[Track]]:
        plan: dict[tuple[Reading, Entity], list[Select]] = {}
        for select, reading in readings.items():
            for entity in wanted[select]:
                plan.setdefault((reading, entity), []).append(select)
        found: dict[tuple[Reading, Entity], list[Track]] = {}
        for (reading, entity), selects in plan.items():
            tracks = await self._tracks(entity, reading, selects)
            if not tracks and await self._is_rare(entity, reading, selects):
                tracks = await self._tracks(entity, reading.longest, selects)
            found[reading, entity] = tracks
        return found

    async def _is_rare(
        self, entity: Entity, reading: Reading, selects: Sequence[Select]
    ) -> bool:
        """Return whether the present value may lie further back than was looked."""
        longest = reading.longest
        if longest == reading or any(select.range_ns for select in selects):
            return False
        span = (longest.start_ns, longest.stop_ns)
        keys = await self._source.keys(entity.series, span)
        names = {metrics.split_key(key)[0] for key in keys}
        return any(select.takes_name(name) for select in selects for name in names)

    async def _tracks(
        self, entity: Entity, reading: Reading, selects: Sequence[Select]
    ) -> list[Track]:
        return await self._source.tracks(
            entity.series,
            reading.resolution,
            (reading.start_ns, reading.stop_ns),
            lambda name: any(select.takes_name(name) for select in selects),
            self._budget,
        )


def _lines(
    select: Select,
    tracks: Mapping[Entity, Sequence[Track]],
    runs: Runs,
    window_ns: int,
) -> list[Line]:
    groups: dict[Labels, list[tuple[Track, RunFacts]]] = {}
    with_run = select.mentions(RUN)
    for entity, found in tracks.items():
        for track in found:
            if not len(track.time_ns):
                continue
            facts = runs.get((entity.series, track.run), RunFacts())
            labels = labels_of(entity, track.key, track.run, facts, with_run=with_run)
            if all_accept(select.matchers, labels):
                groups.setdefault(make_labels(labels), []).append((track, facts))
    if len(groups) > SERIES_MAX:
        raise ExecutionError(
            f"{len(groups)} series; at most {SERIES_MAX} are allowed: add matchers"
        )
    return [_joined(labels, parts, window_ns) for labels, parts in groups.items()]


def _joined(
    labels: Labels, parts: Sequence[tuple[Track, RunFacts]], window_ns: int
) -> Line:
    """Join the tracks of one series: each goes on to where the next one begins.

    They follow each other, but for a second: a process that is started again, or a
    clock that was set back, whose later generation then counts.
    """
    ordered = sorted(parts, key=lambda each: (each[0].time_ns[0], each[0].generation))
    pieces: list[tuple[Track, np.ndarray, int]] = []
    for position, (track, facts) in enumerate(ordered):
        stop = len(track.time_ns)
        if position + 1 < len(ordered):
            next_ns = ordered[position + 1][0].time_ns[0]
            stop = int(np.searchsorted(track.time_ns, next_ns, side="left"))
        period_ns = metrics.describe(track.key).period_seconds * NS_PER_SECOND
        kept_ns = lookback_ns(max(track.interval_ns, period_ns)) + window_ns
        expires = track.time_ns[:stop] + kept_ns
        if facts.ended_ns is not None and stop:
            gone_ns = max(facts.ended_ns, int(track.time_ns[stop - 1]) + 1)
            expires = np.minimum(expires, gone_ns)
        pieces.append((track, expires, stop))
    return Line(
        labels=labels,
        time_ns=np.concatenate([track.time_ns[:stop] for track, _, stop in pieces]),
        value=np.concatenate([track.value[:stop] for track, _, stop in pieces]),
        expires_ns=np.concatenate([expires for _, expires, _ in pieces]),
        interval_ns=max(track.interval_ns for track, _, _ in pieces),
        window_ns=window_ns,
        windows=_windows([(track.windows, stop) for track, _, stop in pieces]),
    )


def _windows(pieces: Sequence[tuple[Windows | None, int]]) -> Windows | None:
    columns = [
        [column[:stop] for column in windows]
        for windows, stop in pieces
        if windows is not None
    ]
    if not columns:
        return None
    return Windows(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))
