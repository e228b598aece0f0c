"""What a rollup keeps of a batch: sums that commute, so order and copies do not matter.

Pure functions. ``slot_stats`` reads one batch, ``merged`` joins two results; the same
two serve the rollup consumer, the query and any recomputation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TypeVar

import msgspec

from robometrics import metrics
from robometrics.schema import NS_PER_SECOND, AnyBatch

RELATIVE_ERROR = 0.01
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)

Number = int | float
N = TypeVar("N", int, float, Number)


class MetricStats(msgspec.Struct, kw_only=True):
    """One metric over one window.

    For a gauge, ``total`` is the sum of its values and ``low``/``high``/``sketch`` are
    of its values. For a counter, ``low`` and ``high`` are its first and last value (it
    only grows within a run), and ``rate_low``/``rate_high``/``sketch`` are of its rate
    between neighbouring samples, in units per second.
    """

    count: int = 0
    total: Number = 0
    low: Number | None = None
    high: Number | None = None
    first_ns: int | None = None
    """Time of the first value, ns since the Unix epoch."""

    last_ns: int | None = None
    last: Number | None = None
    """Value at ``last_ns``; of a gauge."""

    rate_low: float | None = None
    rate_high: float | None = None
    sketch: dict[str, int] = {}
    """Counts in logarithmic buckets, see ``bucket``."""


class WindowStats(msgspec.Struct, kw_only=True):
    """All metrics of one run over one window."""

    count: int = 0
    interval_ns: int = 0
    """Longest configured distance of samples in it."""

    metrics: dict[str, MetricStats] = {}


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


def points(batch: AnyBatch, key: str) -> Iterator[tuple[int, Number]]:
    """Yield time (ns since the Unix epoch) and value of each sample of *key*."""
    start = batch.slot * NS_PER_SECOND
    column = batch.metrics.get(key, ())
    offsets = batch.offset_ns if len(column) > 1 else batch.offset_ns[-1:]
    for offset, value in zip(offsets, column, strict=False):
        if value is not None:
            yield start + offset, value


def rates(batch: AnyBatch, key: str) -> Iterator[tuple[int, float]]:
    """Yield time (ns) and rate per second of counter *key* at each sample.

    The first one needs the batch's ``previous``. A counter that ran backwards was
    reset: no rate there.
    """
    known = list(points(batch, key))
    previous = batch.previous
    if previous is not None and key in previous.counters:
        at = batch.slot * NS_PER_SECOND + previous.offset_ns
        known.insert(0, (at, previous.counters[key]))
    for (before_ns, before), (at_ns, value) in pairwise(known):
        if value >= before:
            yield at_ns, (value - before) * NS_PER_SECOND / (at_ns - before_ns)


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
        sketched: list[Number] = values
    else:
        sketched = [rate for _, rate in rates(batch, key)]
        if sketched:
            stats.rate_low = min(sketched)
            stats.rate_high = max(sketched)
    if described.sketch:
        stats.sketch = {}
        for value in sketched:
            name = bucket(value)
            stats.sketch[name] = stats.sketch.get(name, 0) + 1
    return stats


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
    sketch = a.sketch
    if b.sketch:
        sketch = dict(a.sketch)
        for name, count in b.sketch.items():
            sketch[name] = sketch.get(name, 0) + count
    return MetricStats(
        count=a.count + b.count,
        total=a.total + b.total,
        low=_least(a.low, b.low),
        high=_greatest(a.high, b.high),
        first_ns=_least(a.first_ns, b.first_ns),
        last_ns=_greatest(a.last_ns, b.last_ns),
        last=_latest(a, b),
        rate_low=_least(a.rate_low, b.rate_low),
        rate_high=_greatest(a.rate_high, b.rate_high),
        sketch=sketch,
    )


def _latest(a: MetricStats, b: MetricStats) -> Number | None:
    """Return the value that comes last; of two at one time, the greater."""
    if a.last is None or a.last_ns is None:
        return b.last
    if b.last is None or b.last_ns is None:
        return a.last
    if a.last_ns == b.last_ns:
        return max(a.last, b.last)
    return a.last if a.last_ns > b.last_ns else b.last


def _least(a: N | None, b: N | None) -> N | None:
    if a is None or b is None:
        return a if b is None else b
    return min(b, a)


def _greatest(a: N | None, b: N | None) -> N | None:
    if a is None or b is None:
        return a if b is None else b
    return max(b, a)


def bucket(value: Number) -> str:
    """Return the name of the bucket of *value*.

    Bucket *i* holds ``(g^(i-1), g^i]`` with g = (1 + a) / (1 - a), so its middle is at
    most a (1 %) off any value in it: Masson, Rim, Lee, "DDSketch", VLDB 2019.
    """
    if value == 0:
        return "z"
    index = math.ceil(math.log(abs(value)) / _LOG_GAMMA)
    return f"n{index}" if value < 0 else f"p{index}"


def _middle(name: str) -> float:
    if name == "z":
        return 0.0
    size = 2 * math.exp(int(name[1:]) * _LOG_GAMMA) / (_GAMMA + 1)
    return -size if name[0] == "n" else size


def quantile(sketch: Mapping[str, int], q: float) -> float | None:
    """Return the *q* quantile (0 to 1), at most 1 % off; ``None`` of nothing."""
    rank = q * (sum(sketch.values()) - 1)
    passed = 0
    for value, count in sorted((_middle(name), n) for name, n in sketch.items()):
        passed += count
        if passed > rank:
            return value
    return None
