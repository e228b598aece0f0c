"""Samples from the store: batches as they came, and windows of rollups."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable

import anyio.lowlevel
import numpy as np

from robometrics import metrics
from robometrics.api.prometheus.lines import Windows
from robometrics.api.prometheus.source import RAW, Budget, Track, Wanted
from robometrics.api.selection import Selected
from robometrics.schema import NS_PER_SECOND
from robometrics.store import RESOLUTIONS, Series, Store, Window
from robometrics.store.fold import MetricStats

_RAW_COLUMNS = 2
_WINDOW_COLUMNS = 6
_BATCHES_BETWEEN_BREATHS = 50  # decoding them holds up whoever else is served
_HOUR = 3600
_KEYS_KEPT_SECONDS = 60.0
_SERIES_KEPT = 20_000


class Rows:
    """The columns of one track, while they grow."""

    def __init__(self, key: str, run: str, generation: int, columns: int) -> None:
        self.identity = (key, run, generation)
        self.interval_ns = 0
        self._time_ns = array("q")
        self._columns = [array("d") for _ in range(columns - 1)]

    def add(self, at_ns: int, *values: float) -> None:
        self._time_ns.append(at_ns)
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)

    def track(self) -> Track:
        time_ns = np.array(self._time_ns, dtype=np.int64)
        columns = [np.array(column, dtype=np.float64) for column in self._columns]
        windows = Windows(*columns[1:]) if len(columns) > 1 else None
        return Track(*self.identity, self.interval_ns, time_ns, columns[0], windows)


class StoreSource:
    """``Source`` over MongoDB."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[tuple[Series, int], tuple[float, frozenset[str]]] = {}

    async def tracks(
        self,
        series: Series,
        resolution: str,
        span: tuple[int, int],
        wanted: Wanted,
        budget: Budget,
    ) -> list[Track]:
        if resolution == RAW:
            return await self._raw(series, span, wanted, budget)
        return await self._windows(series, resolution, span, wanted, budget)

    async def _raw(
        self, series: Series, span: tuple[int, int], wanted: Wanted, budget: Budget
    ) -> list[Track]:
        found: dict[tuple[str, str, int], Rows] = {}
        asked = _Asked(wanted)
        start, stop = _slots(span)
        count = 0
        async for batch in self._store.batches.read(series, start, stop):
            for metric in asked.of(batch.metrics):
                identity = (metric.name, batch.run, batch.generation)
                rows = found.get(identity)
                if rows is None:
                    rows = found[identity] = Rows(*identity, _RAW_COLUMNS)
                rows.interval_ns = max(rows.interval_ns, batch.interval_ns)
                budget.spend(len(batch.offset_ns) * _RAW_COLUMNS)
                for at_ns, value in metric.samples(batch):
                    rows.add(at_ns, value)
            count += 1
            if count % _BATCHES_BETWEEN_BREATHS == 0:
                await anyio.lowlevel.checkpoint()
        return [rows.track() for rows in found.values()]

    async def _windows(
        self,
        series: Series,
        resolution: str,
        span: tuple[int, int],
        wanted: Wanted,
        budget: Budget,
    ) -> list[Track]:
        seconds = RESOLUTIONS[resolution].window
        start, stop = _slots(span)
        windows: list[Window] = []
        asked = _Asked(wanted)
        first = start - start % seconds
        async for window in self._store.rollups.read(
            series, resolution, first - seconds, stop
        ):
            keys = asked.of(window.stats.metrics)
            budget.spend(len(keys) * 2 * _WINDOW_COLUMNS)
            # Only what is asked for: a page holds every metric with its sketch.
            sources = {metric.source for metric in keys}
            window.stats.metrics = {
                key: stats
                for key, stats in window.stats.metrics.items()
                if key in sources
            }
            windows.append(window)
            if len(windows) % _BATCHES_BETWEEN_BREATHS == 0:
                await anyio.lowlevel.checkpoint()
        windows.sort(key=lambda each: (each.run, each.generation, each.start))
        return _tracks_of(windows, asked)

    async def keys(self, series: Series, span: tuple[int, int]) -> frozenset[str]:
        start, stop = _slots(span)
        newest = await self._store.batches.newest(series)
        if newest is not None:
            stop = min(stop, newest.slot + 1)
        hour = (stop - 1) // _HOUR * _HOUR
        known = self._keys.get((series, hour))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        stored: set[str] = set()
        if newest is not None and start <= newest.slot < stop:
            stored.update(newest.metrics)
        first = max(hour - _HOUR, start - start % _HOUR)
        async for window in self._store.rollups.read(series, "1h", first, stop):
            stored.update(window.stats.metrics)
        keys = frozenset(metric.name for key in stored for metric in _made_of(key))
        if len(self._keys) >= _SERIES_KEPT:
            self._keys.clear()
        self._keys[series, hour] = (time.monotonic() + _KEYS_KEPT_SECONDS, keys)
        return keys


class _Asked:
    """Which of the metrics in a batch or window are asked for."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._known: dict[str, list[Selected]] = {}

    def of(self, keys: Iterable[str]) -> list[Selected]:
        return [metric for key in keys for metric in self._of(key)]

    def _of(self, key: str) -> list[Selected]:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = [
                metric
                for metric in _made_of(key)
                if self._wanted(metrics.split_key(metric.name)[0])
            ]
        return known


def _made_of(key: str) -> list[Selected]:
    """Return the metric stored as *key*, and those derived of it."""
    name, instance = metrics.split_key(key)
    suffix = f":{instance}" if instance else ""
    described = metrics.describe(key)
    stored = Selected(
        key,
        described.unit,
        key,
        is_rate=False,
        is_counter=described.kind == "counter",
    )
    return [
        stored,
        *(
            Selected(
                derived.name + suffix,
                derived.unit,
                key,
                is_rate=True,
                is_counter=True,
                scale=derived.scale,
            )
            for derived in metrics.DERIVED.values()
            if derived.source == name
        ),
    ]


def _tracks_of(windows: list[Window], asked: _Asked) -> list[Track]:
    found: dict[tuple[str, str, int], Rows] = {}
    before: Window | None = None
    for window in windows:
        if before is not None and (before.run, before.generation) != (
            window.run,
            window.generation,
        ):
            before = None
        for metric in asked.of(window.stats.metrics):
            identity = (metric.name, window.run, window.generation)
            rows = found.get(identity)
            if rows is None:
                rows = found[identity] = Rows(*identity, _WINDOW_COLUMNS)
            rows.interval_ns = max(rows.interval_ns, window.stats.interval_ns)
            _add(rows, metric, window, before)
        before = window
    return [rows.track() for rows in found.values()]


def _add(rows: Rows, metric: Selected, window: Window, before: Window | None) -> None:
    stats = window.stats.metrics[metric.source]
    if stats.last_ns is None or stats.low is None or stats.high is None:
        return
    if metric.is_rate:
        _add_rate(rows, metric, stats, window, before)
    elif metric.is_counter:
        _add_counter(rows, stats)
    elif stats.last is not None:
        numbers = (stats.last, stats.low, stats.high, stats.total, stats.count)
        rows.add(stats.last_ns, *map(float, numbers))


def _add_counter(rows: Rows, stats: MetricStats) -> None:
    """Add the first and the last value; the sum of the others is about their mean's."""
    first_ns, last_ns = stats.first_ns, stats.last_ns
    if first_ns is None or last_ns is None or stats.low is None or stats.high is None:
        return
    low, high = float(stats.low), float(stats.high)
    if first_ns < last_ns:
        rows.add(first_ns, low, low, low, low, 1.0)
    rest = stats.count - 1 if first_ns < last_ns else stats.count
    middle = (low + high) / 2
    total = high + middle * (rest - 1)
    rows.add(last_ns, high, low, high, total, float(rest))


def _add_rate(
    rows: Rows,
    metric: Selected,
    stats: MetricStats,
    window: Window,
    before: Window | None,
) -> None:
    earlier = None if before is None else before.stats.metrics.get(metric.source)
    piece = metric.mean_over(
        stats,
        earlier,
        interval_ns=window.stats.interval_ns,
        window_seconds=window.seconds,
    )
    if piece is None or stats.last_ns is None:
        return
    mean = piece[0] / piece[1]
    low = mean if stats.rate_low is None else stats.rate_low * metric.scale
    high = mean if stats.rate_high is None else stats.rate_high * metric.scale
    rows.add(stats.last_ns, mean, low, high, mean * stats.count, float(stats.count))


def _slots(span: tuple[int, int]) -> tuple[int, int]:
    return span[0] // NS_PER_SECOND, span[1] // NS_PER_SECOND + 1
