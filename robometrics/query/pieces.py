"""Pieces: what a metric amounted to in short times, of samples and windows alike."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from robometrics.query.selection import Selected
from robometrics.schema import NS_PER_SECOND
from robometrics.store.strips import Ints, Samples
from robometrics.store.windows import Windows

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


def of_samples(metric: Selected, samples: Samples) -> Pieces:
    """Return a piece for each sample, as long as the interval it was taken at."""
    at_ns, values, interval_ns = samples.time_ns, samples.values, samples.interval_ns
    if metric.is_rate:
        # A counter that ran backwards was reset: no rate there.
        known = samples.has_before & (values >= samples.before)
        at_ns, interval_ns = at_ns[known], interval_ns[known]
        steps = (values - samples.before)[known].astype(np.float64)
        seconds = (samples.time_ns - samples.before_ns)[known] / NS_PER_SECOND
        mean = steps * metric.scale / seconds
    else:
        mean = values.astype(np.float64)
    weight = interval_ns / NS_PER_SECOND
    return Pieces(at_ns, mean * weight, weight, mean, mean)


def of_windows(metric: Selected, windows: Windows) -> Pieces:
    """Return a piece for each window, but those in which a rate is not known."""
    low, high = windows.low, windows.high
    if metric.is_counter:
        amount, weight = _increase(metric, windows)
    else:
        interval = windows.interval_ns / NS_PER_SECOND
        amount, weight = windows.total * interval, windows.count * interval
    at_ns = windows.start * NS_PER_SECOND
    if not metric.is_rate:
        # A counter's own value is where it ended, however it went.
        amount = np.where(np.isnan(amount), high, amount)
        weight = np.where(np.isnan(weight), 1.0, weight)
        return Pieces(at_ns, amount, weight, low, high)
    known = ~np.isnan(amount)
    mean = amount[known] / weight[known]
    low, high = (windows.rate_low * metric.scale)[known], (
        windows.rate_high * metric.scale
    )[known]
    return Pieces(
        at_ns[known],
        amount[known],
        weight[known],
        np.where(np.isnan(low), mean, low),
        np.where(np.isnan(high), mean, high),
    )


def _increase(metric: Selected, windows: Windows) -> tuple[Floats, Floats]:
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
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(seconds > 0, np.minimum(seconds, windows.seconds), np.nan)
        amount = (windows.high - start) * metric.scale * weight / seconds
    return cast("Floats", amount), cast("Floats", weight)
