"""What the values of one series were over a range: ``max_over_time`` and its relatives.

Of rollups, a window belongs to the range that its last sample lies in; its extremes and
its sum are those of all its samples, so no spike is averaged away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from robometrics.api.prometheus.lines import Line, Span
from robometrics.api.prometheus.vector import Bools, Floats

Answer = tuple[Floats, Bools]


def count(line: Line, span: Span) -> Answer:
    if line.windows is None:
        return (span.high - span.low).astype(np.float64), span.high > span.low
    return _reduced(np.add, line.windows.samples, span)


def total(line: Line, span: Span) -> Answer:
    values = line.value if line.windows is None else line.windows.total
    return _reduced(np.add, values, span)


def mean(line: Line, span: Span) -> Answer:
    sums, known = total(line, span)
    counts, _ = count(line, span)
    return np.divide(sums, counts, where=known, out=np.zeros(len(known))), known


def low(line: Line, span: Span) -> Answer:
    values = line.value if line.windows is None else line.windows.low
    return _reduced(np.minimum, values, span)


def high(line: Line, span: Span) -> Answer:
    values = line.value if line.windows is None else line.windows.high
    return _reduced(np.maximum, values, span)


def last(line: Line, span: Span) -> Answer:
    known = span.high > span.low
    return line.value[np.where(known, span.high - 1, 0)], known


def deviation(line: Line, span: Span) -> Answer:
    """Return the standard deviation, of all values there are."""
    # About the mean of all, since squares of large numbers leave no digits for a small
    # difference.
    centred = line.value - line.value.mean()
    sums, known = _reduced(np.add, centred, span)
    squares, _ = _reduced(np.add, centred**2, span)
    counts = np.where(known, span.high - span.low, 1)
    variance = squares / counts - (sums / counts) ** 2
    return np.sqrt(np.maximum(variance, 0.0)), known


def quantile(line: Line, span: Span, q: Floats) -> Answer:
    """Return the *q* quantile, between the two values next to it."""
    known = span.high > span.low
    found = np.zeros(len(known))
    for column in np.flatnonzero(known):
        values = line.value[span.low[column] : span.high[column]]
        found[column] = quantile_of(np.sort(values), float(q[column]))
    return found, known


def quantile_of(ordered: Floats, q: float) -> float:
    """Return the *q* quantile of values in order, as Prometheus does beyond 0 and 1."""
    if len(ordered) == 0 or np.isnan(q):
        return float("nan")
    if q < 0:
        return float("-inf")
    if q > 1:
        return float("inf")
    rank = q * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    weight = rank - below
    return float(ordered[below] * (1 - weight) + ordered[above] * weight)


def _reduced(ufunc: np.ufunc, values: Floats, span: Span) -> Answer:
    known = span.high > span.low
    found = np.zeros(len(known))
    if known.any():
        padded = np.append(values, values[-1])  # each end must be an index
        ends = np.stack((span.low[known], span.high[known]), axis=1).ravel()
        found[known] = ufunc.reduceat(padded, ends)[::2]
    return found, known


OVER_TIME: dict[str, Callable[[Line, Span], Answer]] = {
    "avg_over_time": mean,
    "count_over_time": count,
    "last_over_time": last,
    "max_over_time": high,
    "min_over_time": low,
    "stddev_over_time": deviation,
    "sum_over_time": total,
}
