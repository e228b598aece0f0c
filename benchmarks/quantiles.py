"""How far quantiles of rollups are from the truth, on what real programs sent.

The product folds the recording into windows of an hour; the truth is every value,
sorted. Quantiles come with a promise, a relative error of 1 %. Beside the usual error:
what one has who keeps means of a minute only. Sums, counts and extremes must be exact.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks import databases, recording, servers, table
from benchmarks.table import Row
from robometrics import metrics
from robometrics.schema import AnyBatch
from robometrics.store import Series, Store
from robometrics.store.fold import MetricStats, Number, points, rates
from robometrics.store.rollups.sketches import RELATIVE_ERROR, Sketches, quantiles

HZ = 10
QUANTILES = (0.5, 0.95, 0.99)
_FOLDED_AT_ONCE = 2_000
_HOUR_SECONDS = 3_600
_MINUTE_SLOTS = 60

Key = tuple[str, int, str, str]
"""Run, start of the hour, kind and name of the series, metric."""


class Truth(NamedTuple):
    """Every value of one metric of one run in one hour, and means of its minutes."""

    values: list[Number]
    """Of a gauge; of a counter its rates."""

    counted: list[Number]
    """As stored: of a counter its own values."""

    minute_means: list[float]


async def measure(*, quick: bool) -> list[Row]:
    """Fold a recording and compare."""
    batches, _ = recording.longest(HZ, quick=quick)
    truths = _truths(batches)
    errors: dict[tuple[str, float], list[float]] = defaultdict(list)
    of_means: dict[tuple[str, float], list[float]] = defaultdict(list)
    exact = 0
    with servers.folder() as at, servers.mongod(at) as url:
        async with databases.opened(url) as (store, _):
            for start in range(0, len(batches), _FOLDED_AT_ONCE):
                await store.rollups.fold(batches[start : start + _FOLDED_AT_ONCE])
            found = await _stored(store, batches)
    if found.keys() != truths.keys():
        raise RuntimeError(f"{len(found)} windows of {len(truths)} are stored")
    for key, truth in truths.items():
        exact += _is_exact(key[-1], found[key], truth)
        if not found[key].sketch:
            continue
        name, _ = metrics.split_key(key[-1])
        for q, told in zip(QUANTILES, _told(found[key].sketch), strict=True):
            true = _at(truth.values, q)
            errors[name, q].append(_error(told, true))
            of_means[name, q].append(_error(_at(truth.minute_means, q), true))
    return [
        *_rows(errors, of_means),
        Row(
            f"count, sum, min, max exact, of {len(truths):,} windows of 1 h",
            [exact],
            "windows",
            "all of them",
            [len(truths)],
        ),
    ]


def _rows(
    errors: dict[tuple[str, float], list[float]],
    of_means: dict[tuple[str, float], list[float]],
) -> Iterator[Row]:
    for (metric, q), off in sorted(errors.items()):
        what = f"{metric} p{100 * q:.0f}: relative error"
        yield Row(
            f"{what}, median",
            [100 * statistics.median(off)],
            "%",
            "of means of a minute",
            [100 * statistics.median(of_means[metric, q])],
        )
        yield Row(
            f"{what}, worst of {len(off)}",
            [100 * max(off)],
            "%",
            "promised at most",
            [100 * RELATIVE_ERROR],
        )


def _truths(batches: Sequence[AnyBatch]) -> dict[Key, Truth]:
    """Return every value there is, by window and metric."""
    found: dict[Key, Truth] = {}
    minutes: dict[Key, dict[int, list[Number]]] = defaultdict(lambda: defaultdict(list))
    for batch in batches:
        hour = batch.slot - batch.slot % _HOUR_SECONDS
        for metric in batch.metrics:
            counted = [value for _, value in points(batch, metric)]
            if not counted:
                continue
            key = (batch.run, hour, f"{batch.kind} {batch.name}", metric)
            truth = found.setdefault(key, Truth([], [], []))
            truth.counted.extend(counted)
            values: list[Number] = counted
            if metrics.describe(metric).kind == "counter":
                values = [rate for _, rate in rates(batch, metric)]
            truth.values.extend(values)
            minutes[key][batch.slot // _MINUTE_SLOTS].extend(values)
    for key, by_minute in minutes.items():
        found[key].minute_means.extend(
            map(statistics.fmean, filter(None, by_minute.values()))
        )
    return found


async def _stored(store: Store, batches: Sequence[AnyBatch]) -> dict[Key, MetricStats]:
    found = {}
    stop = batches[-1].slot + _HOUR_SECONDS
    for host, kind, name in {(each.host, each.kind, each.name) for each in batches}:
        series = Series(host, kind, name)
        async for window in store.rollups.read(series, "1h", 0, stop):
            for metric, stats in window.stats.metrics.items():
                found[window.run, window.start, f"{kind} {name}", metric] = stats
    return found


def _is_exact(metric: str, stats: MetricStats, truth: Truth) -> bool:
    counted = truth.counted
    is_sum_exact = True
    if metrics.describe(metric).kind == "gauge":
        is_sum_exact = stats.total == sum(counted) or math.isclose(
            stats.total, math.fsum(counted), rel_tol=1e-12
        )
    return is_sum_exact and (len(counted), min(counted), max(counted)) == (
        stats.count,
        stats.low,
        stats.high,
    )


def _at(values: Sequence[Number], q: float) -> float:
    """Return the *q* quantile, by the same rank as rollups."""
    return sorted(values)[int(q * (len(values) - 1))]


def _told(sketch: dict[int, int]) -> list[float]:
    """Return the quantiles of one window."""
    codes, counts = (np.array(each) for each in (list(sketch), list(sketch.values())))
    window = Sketches(np.zeros(len(sketch), np.int64), codes, counts)
    told: list[float] = quantiles(window, np.zeros(1, np.int64), QUANTILES)[0].tolist()
    return told


def _error(told: float, true: float) -> float:
    return abs(told - true) / abs(true) if true else float(told != 0)


if __name__ == "__main__":
    table.run([measure])
