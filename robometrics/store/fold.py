"""What a rollup keeps of each metric, and how samples and rates are read of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from robometrics.schema import NS_PER_SECOND, AnyBatch

Number = int | float


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
    sketch: dict[int, int] = {}
    """Counts in logarithmic buckets, see ``rollups.sketches``."""


class WindowStats(msgspec.Struct, kw_only=True):
    """All metrics of one run over one window."""

    count: int = 0
    interval_ns: int = 0
    """Longest configured distance of samples in it."""

    metrics: dict[str, MetricStats] = {}


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
            yield at_ns, float(value - before) * NS_PER_SECOND / (at_ns - before_ns)
