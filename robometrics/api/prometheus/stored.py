"""Samples from the store, in columns: as they were taken, or windows of rollups."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import numpy as np

from robometrics import metrics
from robometrics.api.prometheus.lines import Windows
from robometrics.api.prometheus.source import RAW, Budget, Track, Wanted
from robometrics.api.prometheus.vector import Floats, Ints
from robometrics.queries.pieces import rates_of, values_of
from robometrics.queries.selection import Selected
from robometrics.schema import NS_PER_SECOND
from robometrics.store import RESOLUTIONS, MetricWindows, RunWindows, Series, Store
from robometrics.store.strips import Strip

_RAW_COLUMNS = 2
_WINDOW_COLUMNS = 6
_HOUR = 3600
_KEYS_KEPT_SECONDS = 60.0
_SERIES_KEPT = 20_000


class StoreSource:
    """``Source`` over MongoDB."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[tuple[Series, int, int], tuple[float, frozenset[str]]] = {}

    async def tracks(
        self,
        series: Series,
        resolution: str,
        span: tuple[int, int],
        wanted: Wanted,
        budget: Budget,
    ) -> list[Track]:
        stored = await self._stored_keys(series, span)
        asked = [
            metric
            for key in sorted(stored)
            for metric in _made_of(key)
            if wanted(metrics.split_key(metric.name)[0])
        ]
        if not asked:
            return []
        if resolution == RAW:
            return await self._raw(series, span, asked, budget)
        return await self._windows(series, resolution, span, asked, budget)

    async def keys(self, series: Series, span: tuple[int, int]) -> frozenset[str]:
        stored = await self._stored_keys(series, span)
        return frozenset(metric.name for key in stored for metric in _made_of(key))

    async def _stored_keys(
        self, series: Series, span: tuple[int, int]
    ) -> frozenset[str]:
        """Return the keys of what is stored of *series* in *span*."""
        start, stop = _slots(span)
        place = series, start // _HOUR, -(-stop // _HOUR)
        known = self._keys.get(place)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        runs = await self._store.rollups.columns(
            series, "1h", start - start % _HOUR, stop
        )
        keys = {key for run in runs for key in run.metrics}
        newest = await self._store.batches.newest(series)
        # It may not be in a window yet; and while one asks, there may be a newer one.
        if newest is not None and newest.slot >= start:
            keys.update(newest.metrics)
        if len(self._keys) >= _SERIES_KEPT:
            self._keys.clear()
        found = frozenset(keys)
        self._keys[place] = (time.monotonic() + _KEYS_KEPT_SECONDS, found)
        return found

    async def _raw(
        self,
        series: Series,
        span: tuple[int, int],
        asked: list[Selected],
        budget: Budget,
    ) -> list[Track]:
        parts: dict[tuple[str, str, int], list[Track]] = {}
        sources = {metric.source for metric in asked}
        strips = self._store.batches.strips(series, *_slots(span), sources)
        async for hour in strips:
            for run, generation, strip in hour:
                for track in _tracks_of_strip(strip, run, generation, asked):
                    budget.spend(len(track.time_ns) * _RAW_COLUMNS)
                    parts.setdefault(track[:3], []).append(track)
        return [_joined(tracks) for tracks in parts.values()]

    async def _windows(
        self,
        series: Series,
        resolution: str,
        span: tuple[int, int],
        asked: list[Selected],
        budget: Budget,
    ) -> list[Track]:
        seconds = RESOLUTIONS[resolution].window
        start, stop = _slots(span)
        first = start - start % seconds
        sources = {metric.source for metric in asked}
        # One more before the first: a counter's increase begins where that one ended.
        runs = await self._store.rollups.columns(
            series, resolution, first - seconds, stop, sources
        )
        tracks = [
            track for run in runs for track in _tracks_of_windows(run, asked, seconds)
        ]
        budget.spend(sum(len(each.time_ns) for each in tracks) * _WINDOW_COLUMNS)
        return tracks


def _made_of(key: str) -> Iterator[Selected]:
    """Yield the metric stored as *key*, and those derived of it."""
    name, instance = metrics.split_key(key)
    suffix = f":{instance}" if instance else ""
    described = metrics.describe(key)
    is_counter = described.kind == "counter"
    yield Selected(key, described.unit, key, is_rate=False, is_counter=is_counter)
    for derived in metrics.DERIVED.values():
        if derived.source == name:
            yield Selected(
                derived.name + suffix,
                derived.unit,
                key,
                is_rate=True,
                is_counter=True,
                scale=derived.scale,
            )


def _tracks_of_strip(
    strip: Strip, run: str, generation: int, asked: Iterable[Selected]
) -> Iterator[Track]:
    for metric in asked:
        samples = strip.samples(metric.source)
        if samples is not None:
            at_ns, values, interval_ns = values_of(metric, samples)
            if len(at_ns):
                longest = int(interval_ns.max())
                yield Track(metric.name, run, generation, longest, at_ns, values)


def _tracks_of_windows(
    run: RunWindows, asked: Iterable[Selected], seconds: int
) -> Iterator[Track]:
    for metric in asked:
        windows = run.metrics.get(metric.source)
        if windows is None or not len(windows.start):
            continue
        if metric.is_rate:
            at_ns, values, what = _rate(metric, windows, seconds)
        elif metric.is_counter:
            at_ns, values, what = _counter(windows)
        else:
            at_ns, values = windows.last_ns, windows.last.astype(np.float64)
            what = Windows(
                windows.low.astype(np.float64),
                windows.high.astype(np.float64),
                windows.total.astype(np.float64),
                windows.count.astype(np.float64),
            )
        if len(at_ns):
            longest = int(run.interval_ns.max())
            yield Track(
                metric.name, run.run, run.generation, longest, at_ns, values, what
            )


def _rate(
    metric: Selected, windows: MetricWindows, seconds: int
) -> tuple[Ints, Floats, Windows]:
    rates = rates_of(metric, windows, seconds)
    count = windows.count[rates.known].astype(np.float64)
    what = Windows(rates.low, rates.high, rates.mean * count, count)
    return windows.last_ns[rates.known], rates.mean, what


def _counter(windows: MetricWindows) -> tuple[Ints, Floats, Windows]:
    """Return the first and the last value; the others' sum is about their mean's."""
    low, high = windows.low.astype(np.float64), windows.high.astype(np.float64)
    several = windows.first_ns < windows.last_ns
    rest = windows.count - several
    total = high + (low + high) / 2 * (rest - 1)
    there = np.stack([several, np.ones_like(several)], axis=1).ravel()

    def both(first: Floats | Ints, last: Floats | Ints) -> Floats:
        pairs = np.stack([first, last], axis=1).ravel()[there]
        return pairs.astype(np.float64)

    what = Windows(
        both(low, low),
        both(low, high),
        both(low, total),
        both(np.ones(len(rest)), rest),
    )
    time_ns = np.stack([windows.first_ns, windows.last_ns], axis=1).ravel()[there]
    return time_ns, both(low, high), what


def _joined(tracks: list[Track]) -> Track:
    """Return the hours of one track as one."""
    if len(tracks) == 1:
        return tracks[0]
    return tracks[0]._replace(
        interval_ns=max(each.interval_ns for each in tracks),
        time_ns=np.concatenate([each.time_ns for each in tracks]),
        value=np.concatenate([each.value for each in tracks]),
    )


def _slots(span: tuple[int, int]) -> tuple[int, int]:
    return span[0] // NS_PER_SECOND, span[1] // NS_PER_SECOND + 1
