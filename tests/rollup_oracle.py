"""What rollups must be, sample by sample, the slow and simple way."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np

from robometrics import metrics
from robometrics.schema import AnyBatch
from robometrics.store import RESOLUTIONS, Window
from robometrics.store.fold import MetricStats, WindowStats, points, rates
from robometrics.store.rollups.sketches import bucket_codes


def slot_stats(batch: AnyBatch) -> WindowStats:
    """Return the statistics of one batch."""
    return WindowStats(
        count=len(batch.offset_ns),
        interval_ns=batch.interval_ns,
        metrics={
            key: stats
            for key in batch.metrics
            if (stats := _metric_stats(batch, key)) is not None
        },
    )


def _metric_stats(batch: AnyBatch, key: str) -> MetricStats | None:
    known = list(points(batch, key))
    if not known:
        return None
    described = metrics.describe(key)
    values = [value for _, value in known]
    stats = MetricStats(
        count=len(values),
        low=min(values),
        high=max(values),
        first_ns=known[0][0],
        last_ns=known[-1][0],
    )
    if described.kind == "gauge":
        stats.total = sum(values)
        stats.last = values[-1]
        sketched: list[Any] = values
    else:
        sketched = [rate for _, rate in rates(batch, key)]
        if sketched:
            stats.rate_low = min(sketched)
            stats.rate_high = max(sketched)
    if described.sketch:
        stats.sketch = sketch_of(sketched)
    return stats


def sketch_of(values: Iterable[float]) -> dict[int, int]:
    codes = bucket_codes(np.array([*map(float, values)])).tolist()
    return {code: codes.count(code) for code in codes}


def merged(a: WindowStats, b: WindowStats) -> WindowStats:
    """Return the statistics of both together, of the same run."""
    joined = dict(a.metrics)
    for key, stats in b.metrics.items():
        joined[key] = _merged_metric(joined[key], stats) if key in joined else stats
    return WindowStats(
        count=a.count + b.count,
        interval_ns=max(a.interval_ns, b.interval_ns),
        metrics=joined,
    )


def _merged_metric(a: MetricStats, b: MetricStats) -> MetricStats:
    return MetricStats(
        count=a.count + b.count,
        total=a.total + b.total,
        low=_known(min, a.low, b.low),
        high=_known(max, a.high, b.high),
        first_ns=_known(min, a.first_ns, b.first_ns),
        last_ns=_known(max, a.last_ns, b.last_ns),
        last=_latest(a, b),
        rate_low=_known(min, a.rate_low, b.rate_low),
        rate_high=_known(max, a.rate_high, b.rate_high),
        sketch={
            code: a.sketch.get(code, 0) + b.sketch.get(code, 0)
            for code in {*a.sketch, *b.sketch}
        },
    )


def _known(choose: Any, *values: Any) -> Any:
    known = [value for value in values if value is not None]
    return choose(known) if known else None


def _latest(a: MetricStats, b: MetricStats) -> Any:
    """Return the value that comes last; of two at one time, the greater."""
    known = [(x.last_ns, x.last) for x in (a, b) if x.last is not None]
    return max(known)[1] if known else None


def recomputed(batches: Iterable[AnyBatch], resolution: str) -> list[Window]:
    """Return what the rollups of one series must be, by run and time."""
    seconds = RESOLUTIONS[resolution].window
    distinct = {(b.run, b.generation, b.slot): b for b in batches}
    parts: dict[tuple[str, int, int], list[WindowStats]] = {}
    for b in distinct.values():
        window = b.run, b.generation, b.slot - b.slot % seconds
        parts.setdefault(window, []).append(slot_stats(b))
    return [
        Window(
            start=start,
            seconds=seconds,
            run=run,
            generation=generation,
            stats=reduce(merged, found),
        )
        for (run, generation, start), found in sorted(parts.items())
    ]
