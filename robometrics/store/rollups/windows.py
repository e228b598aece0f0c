"""Windows of one metric as arrays, and windows made of shorter ones.

Every sum here commutes and associates, so neither order nor grouping matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from robometrics.store.rollups.sketches import (
    Floats,
    Ints,
    Sketches,
    merged_sketches,
)

Bools = NDArray[np.bool_]
Numbers = NDArray[Any]
"""int64 if all are integers, else float64."""

Counts = tuple[Ints, Ints, Ints]
"""Starts of windows, samples, longest intervals in ns."""

_EXACT_MAX = 2.0**62


class MetricWindows(msgspec.Struct, frozen=True):
    """One metric of one run, a row for each window with a value, ascending.

    ``low`` and ``high`` of a counter are its first and last value, as it only grows
    within a run; ``rate_low`` and ``rate_high`` are of its rate between neighbouring
    samples, in units per second.
    """

    start: Ints
    """Seconds since the Unix epoch."""

    count: Ints
    low: Numbers
    high: Numbers
    first_ns: Ints
    """Time of the first value, ns since the Unix epoch."""

    last_ns: Ints
    gauge: Bools
    """Whether ``total`` and ``last`` mean something; of a counter they do not."""

    total: Numbers
    """Sum of the values of a gauge."""

    last: Numbers
    """Value at ``last_ns`` of a gauge; of two at one time, the greater."""

    rate_low: Floats
    """NaN where no rate is known, as of a gauge."""

    rate_high: Floats
    sketch: Sketches | None = None
    """Of the values of a gauge, of the rates of a counter. ``None``: not read."""

    def between(self, start: int, stop: int) -> MetricWindows:
        """Return the windows that begin in ``[start, stop)``."""
        rows = slice(*np.searchsorted(self.start, (start, stop)))
        sketch = self.sketch and self.sketch.between(start, stop)
        return _made([column[rows] for column in self.numbers], sketch)

    def at(self, starts: Ints, *, inside: bool) -> MetricWindows:
        """Return the windows that begin at one of *starts*, or all others."""
        rows = np.isin(self.start, starts) == inside
        sketch = self.sketch
        if sketch is not None:
            kept = np.isin(sketch.start, starts) == inside
            sketch = Sketches(sketch.start[kept], sketch.code[kept], sketch.count[kept])
        return _made([column[rows] for column in self.numbers], sketch)

    @property
    def numbers(self) -> tuple[Numbers, ...]:
        """All arrays but those of the sketch."""
        found: tuple[Numbers, ...] = msgspec.structs.astuple(self)[:-1]
        return found


class RunWindows(msgspec.Struct, frozen=True):
    """One run of a series in one generation, a row for each window, ascending."""

    run: str
    generation: int
    start: Ints
    """Seconds since the Unix epoch."""

    count: Ints
    """Samples."""

    interval_ns: Ints
    """Longest configured distance of them."""

    metrics: dict[str, MetricWindows]


def _made(columns: Sequence[Numbers], sketch: Sketches | None) -> MetricWindows:
    return MetricWindows(*columns, sketch)  # type: ignore[call-arg, arg-type]


def merged_metric(parts: Sequence[MetricWindows], seconds: int) -> MetricWindows:
    """Return windows of *seconds* made of *parts*, in any order and overlapping."""
    rows = zip(*(part.numbers for part in parts), strict=True)
    joined: list[Numbers] = [np.concatenate(columns) for columns in rows]
    start = joined[0] - joined[0] % seconds
    sketches = [part.sketch for part in parts if part.sketch is not None]
    sketch = merged_sketches(sketches, seconds) if len(sketches) == len(parts) else None
    if np.all(start[1:] > start[:-1]):
        return _made([start, *joined[1:]], sketch)
    order = np.argsort(start, kind="stable")
    start, count, low, high, first, last_ns, gauge, total, last, slow, fast = (
        column[order] for column in (start, *joined[1:])
    )
    at = np.flatnonzero(np.diff(start, prepend=-1))
    row = np.cumsum(np.diff(start, prepend=-1) != 0) - 1
    # The last row of each window in the order of gauge, time and value has the last.
    ordered = np.lexsort((last, last_ns, gauge, row))
    ends = np.append(at[1:], len(start)) - 1
    return MetricWindows(
        start[at],
        np.add.reduceat(count, at),
        np.minimum.reduceat(low, at),
        np.maximum.reduceat(high, at),
        np.minimum.reduceat(first, at),
        np.maximum.reduceat(last_ns, at),
        np.logical_or.reduceat(gauge, at),
        summed(total, at),
        last[ordered[ends]],
        np.fmin.reduceat(slow, at),
        np.fmax.reduceat(fast, at),
        sketch,
    )


def summed(values: Numbers, at: Ints) -> Numbers:
    """Return the sums of *values* from each of *at* to the next; exact if integers fit.

    Those of a cgroup without a limit (2^63 - 4096) do not.
    """
    if values.dtype == np.int64:
        sums = np.add.reduceat(values, at)
        if np.all(np.abs(np.add.reduceat(values.astype(np.float64), at)) < _EXACT_MAX):
            return sums
    return np.add.reduceat(values.astype(np.float64), at)


def merged_counts(parts: Sequence[Counts], seconds: int) -> Counts:
    """Return the counts of windows of *seconds*."""
    columns = zip(*parts, strict=True)
    starts, counts, intervals = (np.concatenate(column) for column in columns)
    starts -= starts % seconds
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    at = np.flatnonzero(np.diff(starts, prepend=-1))
    if not len(at):
        return starts, counts, intervals
    return (
        starts[at],
        np.add.reduceat(counts[order], at),
        np.maximum.reduceat(intervals[order], at),
    )
