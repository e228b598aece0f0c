"""Pieces: what a metric amounted to in short times, of samples and windows alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robometrics.queries.selection import Selected
from robometrics.queries.stretches import STRETCH_NS, stretches
from robometrics.schema import NS_PER_SECOND
from robometrics.store import MetricWindows, RunWindows
from robometrics.store.strips import Ints, Samples

Floats = NDArray[np.float64]


class Pieces(NamedTuple):
    """Parts of one run's time, in order."""

    at_ns: Ints
    """Time of the sample, or start of the window, since the Unix epoch."""

    amount: Floats
    weight: Floats
    """Seconds; ``amount / weight`` is the mean."""

    low: Floats
    high: Floats

    def at(self, rows: slice | NDArray[np.bool_]) -> Pieces:
        """Return only *rows*."""
        return Pieces(
            self.at_ns[rows],
            self.amount[rows],
            self.weight[rows],
            self.low[rows],
            self.high[rows],
        )


def of_samples(metric: Selected, samples: Samples) -> Pieces:
    """Return a piece for each sample, as long as the interval it was taken at."""
    at_ns, mean, interval_ns = values_of(metric, samples)
    weight = interval_ns / NS_PER_SECOND
    return Pieces(at_ns, mean * weight, weight, mean, mean)


def values_of(metric: Selected, samples: Samples) -> tuple[Ints, Floats, Ints]:
    """Return time, value and interval of each sample, but where a rate is not known."""
    if not metric.is_rate:
        values = samples.values.astype(np.float64)
        return samples.time_ns, values, samples.interval_ns
    known, values = rates(metric, samples)
    return samples.time_ns[known], values, samples.interval_ns[known]


def rates(metric: Selected, samples: Samples) -> tuple[NDArray[np.bool_], Floats]:
    """Return at which samples the rate of a counter is known, and what it is there."""
    # A counter that ran backwards was reset: no rate there.
    known = samples.has_before & (samples.values >= samples.before)
    first, last = stretches(samples.time_ns, samples.before_ns, known)
    taken_ns = samples.time_ns[last] - samples.before_ns[first]
    known &= taken_ns >= STRETCH_NS
    first, last = first[known], last[known]
    seconds = taken_ns[known] / NS_PER_SECOND
    grown: NDArray[Any] = samples.values[last] - samples.before[first]
    if grown.dtype == np.int64:
        grown = grown.view(np.uint64)  # it may be more than an int64 holds
    return known, grown * metric.scale / seconds


def of_windows(metric: Selected, run: RunWindows, seconds: int) -> Pieces | None:
    """Return a piece for each window of *seconds*, but where a rate is not known."""
    windows = run.metrics.get(metric.source)
    if windows is None or not len(windows.start):
        return None
    at_ns = windows.start * NS_PER_SECOND
    if metric.is_rate:
        rates = rates_of(metric, windows, seconds)
        amount = rates.mean * rates.weight
        at_ns = at_ns[rates.known]
        return Pieces(at_ns, amount, rates.weight, rates.low, rates.high)
    low, high = windows.low.astype(np.float64), windows.high.astype(np.float64)
    if metric.is_counter:
        return Pieces(at_ns, high, np.ones(len(high)), low, high)
    interval = run.interval_ns[np.searchsorted(run.start, windows.start)]
    weight = windows.count * interval / NS_PER_SECOND
    return Pieces(at_ns, windows.total / windows.count * weight, weight, low, high)


class Rates(NamedTuple):
    """The rate of a counter, of the windows in which it is known."""

    known: NDArray[np.bool_]
    """Of all windows: in which it is."""

    mean: Floats
    weight: Floats
    """Seconds that the mean is over."""

    low: Floats
    high: Floats


def rates_of(metric: Selected, windows: MetricWindows, window_seconds: int) -> Rates:
    """Return how fast a counter grew in each window.

    From the end of the window before, so that nothing falls between two; a gap before
    a window has no say in its mean.
    """
    start, start_ns = windows.low.copy(), windows.first_ns.copy()
    start[1:], start_ns[1:] = windows.high[:-1], windows.last_ns[:-1]
    # It was reset, as a restarted worker's own counters are.
    reset = windows.high < start
    start = np.where(reset, windows.low, start)
    start_ns = np.where(reset, windows.first_ns, start_ns)
    seconds = (windows.last_ns - start_ns) / NS_PER_SECOND
    known = seconds > 0
    seconds = seconds[known]
    mean = (windows.high - start)[known] * metric.scale / seconds
    slow = windows.rate_low[known] * metric.scale
    fast = windows.rate_high[known] * metric.scale
    return Rates(
        known,
        mean,
        np.minimum(seconds, window_seconds),
        np.where(np.isnan(slow), mean, slow),
        np.where(np.isnan(fast), mean, fast),
    )
