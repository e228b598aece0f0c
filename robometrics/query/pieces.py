"""Pieces: what a metric amounted to in short times, of samples and windows alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robometrics.query.selection import Selected
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
    at_ns, interval_ns = samples.time_ns, samples.interval_ns
    if metric.is_rate:
        # A counter that ran backwards was reset: no rate there.
        known = samples.has_before & (samples.values >= samples.before)
        at_ns, interval_ns = at_ns[known], interval_ns[known]
        seconds = (samples.time_ns - samples.before_ns)[known] / NS_PER_SECOND
        mean = (samples.values - samples.before)[known] * metric.scale / seconds
    else:
        mean = samples.values.astype(np.float64)
    weight = interval_ns / NS_PER_SECOND
    return Pieces(at_ns, mean * weight, weight, mean, mean)


def of_windows(metric: Selected, run: RunWindows, seconds: int) -> Pieces | None:
    """Return a piece for each window of *seconds*, but where a rate is not known."""
    windows = run.metrics.get(metric.source)
    if windows is None or not len(windows.start):
        return None
    at_ns = windows.start * NS_PER_SECOND
    low, high = windows.low.astype(np.float64), windows.high.astype(np.float64)
    if not metric.is_counter:
        interval = run.interval_ns[np.searchsorted(run.start, windows.start)]
        weight = windows.count * interval / NS_PER_SECOND
        amount = windows.total / windows.count * weight
        return Pieces(at_ns, amount, weight, low, high)
    if not metric.is_rate:
        return Pieces(at_ns, high, np.ones(len(high)), low, high)
    amount, weight = _increase(windows, seconds)
    known = ~np.isnan(amount)
    amount, weight = amount[known] * metric.scale, weight[known]
    mean = amount / weight
    slow = windows.rate_low[known] * metric.scale
    fast = windows.rate_high[known] * metric.scale
    return Pieces(
        at_ns[known],
        amount,
        weight,
        np.where(np.isnan(slow), mean, slow),
        np.where(np.isnan(fast), mean, fast),
    )


def _increase(windows: MetricWindows, window_seconds: int) -> tuple[Floats, Floats]:
    """Return how much a counter grew in each window, and in how many seconds.

    From the end of the window before, so that nothing falls between two; a gap before
    a window has no say in its mean. NaN: not known.
    """
    start, start_ns = windows.low.copy(), windows.first_ns.copy()
    start[1:], start_ns[1:] = windows.high[:-1], windows.last_ns[:-1]
    # It was reset, as a restarted worker's own counters are.
    reset = windows.high < start
    start = np.where(reset, windows.low, start)
    start_ns = np.where(reset, windows.first_ns, start_ns)
    seconds = (windows.last_ns - start_ns) / NS_PER_SECOND
    known = seconds > 0
    seconds = np.where(known, seconds, 1.0)
    weight = np.where(known, np.minimum(seconds, window_seconds), np.nan)
    return (windows.high - start) * weight / seconds, weight
