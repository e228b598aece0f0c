"""Stretches: neighbouring steps of a counter that are too short to tell its rate.

The kernel brings the CPU clock of a process that runs up to date at its own tick, every
4 ms or so (see docs/measuring.md). Between two readings 1 ms apart such a clock stands
still, or leaps by 4 ms. So the rate is that of the whole stretch, at each of its
samples; if all of it is too short, there is none. ``viz/derive.js`` does the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robometrics.schema import NS_PER_SECOND
from robometrics.store.strips import Ints

STRETCH_NS = 40_000_000
"""Ten ticks of most kernels: a rate is then off by a tenth at most."""


def stretches(
    time_ns: Ints, before_ns: Ints, known: NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """Return the first and the last sample of the stretch that each sample is in.

    A stretch keeps to one second, as a batch does, and ends where a reading is missing
    or a counter was reset. It is as short as it can be, mostly a single step, and
    shorter than ``STRETCH_NS`` only where there is no more.

    Args:
        time_ns: Of each sample, increasing.
        before_ns: Of the reading before it.
        known: At which samples the counter is known to have grown since.
    """
    first = np.arange(len(time_ns))
    last = first.copy()
    short = known & (time_ns - before_ns < STRETCH_NS)
    if not short.any():
        return first, last
    joins = known[1:] & known[:-1] & (before_ns[1:] == time_ns[:-1])
    joins &= time_ns[1:] // NS_PER_SECOND == time_ns[:-1] // NS_PER_SECOND
    starts = np.flatnonzero(np.concatenate(([True], ~joins)))
    stops = np.append(starts[1:], len(time_ns))
    several = np.logical_or.reduceat(short, starts) & (stops - starts > 1)
    for start, stop in zip(starts[several], stops[several], strict=True):
        at = start
        while at < stop:
            full = np.searchsorted(time_ns[at:stop], before_ns[at] + STRETCH_NS)
            end = at + int(full) + 1
            # What is left over is too short on its own.
            if end >= stop or time_ns[stop - 1] - time_ns[end - 1] < STRETCH_NS:
                end = stop
            first[at:end], last[at:end] = at, end - 1
            at = end
    return first, last
