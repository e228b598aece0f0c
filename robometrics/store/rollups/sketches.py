"""Quantiles from counts in logarithmic buckets, which add up over any windows.

Bucket *i* holds ``(g^(i-1), g^i]`` with g = (1 + a) / (1 - a), so its middle is at most
a (1 %) off any value in it: Masson, Rim, Lee, "DDSketch", VLDB 2019. Its code is
*i* + 40,000, negative for a negative value, 0 for zero: codes order as values do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

RELATIVE_ERROR = 0.01
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
_ONE = 40_000  # code of (1/g, 1]; the smallest and largest floats are 37,200 away
_CODE_BITS = 18
_CODE_BIAS = 1 << (_CODE_BITS - 1)


class Sketches(msgspec.Struct, frozen=True):
    """The filled buckets of windows, ordered by window and value."""

    start: Ints
    """Start of the window, seconds since the Unix epoch."""

    code: Ints
    count: Ints

    def between(self, start: int, stop: int) -> Sketches:
        """Return those of the windows that begin in ``[start, stop)``."""
        rows = slice(*np.searchsorted(self.start, (start, stop)))
        return Sketches(self.start[rows], self.code[rows], self.count[rows])


NO_SKETCHES = Sketches(*(np.empty(0, np.int64) for _ in range(3)))


def bucket_codes(values: NDArray[Any]) -> Ints:
    """Return the bucket of each of *values*."""
    sizes = np.abs(values.astype(np.float64))
    zero = sizes == 0
    sizes[zero] = 1
    codes = np.ceil(np.log(sizes) / _LOG_GAMMA).astype(np.int64) + _ONE
    codes[zero] = 0
    return np.where(values < 0, -codes, codes)


def middles(codes: Ints) -> Floats:
    """Return the value that stands for each bucket."""
    sizes = 2 * np.exp((np.abs(codes) - _ONE) * _LOG_GAMMA) / (_GAMMA + 1)
    return np.where(codes == 0, 0.0, np.copysign(sizes, codes))


def counted(
    rows: Ints, codes: Ints, counts: Ints | None = None
) -> tuple[Ints, Ints, Ints]:
    """Return rows, codes and counts, each row's bucket once, in order.

    Args:
        rows: Which row each value or bucket belongs to, from 0.
        codes: Their buckets.
        counts: How many values in each; one each by default.
    """
    keys = rows << _CODE_BITS | (codes + _CODE_BIAS)
    if counts is None:
        found, sums = np.unique(keys, return_counts=True)
        sums = sums.astype(np.int64)
    else:
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        found = keys[firsts]
        sums = np.add.reduceat(counts[order], firsts) if len(keys) else counts
    return found >> _CODE_BITS, (found & (1 << _CODE_BITS) - 1) - _CODE_BIAS, sums


def merged_sketches(parts: Sequence[Sketches], seconds: int | None = None) -> Sketches:
    """Return *parts* as one, in windows of *seconds*; as one single window of 0 if not
    given.
    """  # noqa: D205
    parts = [NO_SKETCHES, *parts]
    starts = np.concatenate([part.start for part in parts])
    starts = starts - starts % seconds if seconds else np.zeros_like(starts)
    windows, rows = np.unique(starts, return_inverse=True)
    rows, codes, counts = counted(
        rows.astype(np.int64),
        np.concatenate([part.code for part in parts]),
        np.concatenate([part.count for part in parts]),
    )
    return Sketches(windows[rows], codes, counts)


def quantiles(sketches: Sketches, starts: Ints, qs: Sequence[float]) -> Floats:
    """Return a row of quantiles for each of *starts*, a column for each of *qs*.

    Each is at most 1 % off; NaN where a window has no sketch.

    Args:
        sketches: Of windows, ordered.
        starts: Which windows.
        qs: From 0 to 1.
    """
    low = np.searchsorted(sketches.start, starts, side="left")
    high = np.searchsorted(sketches.start, starts, side="right")
    passed = np.concatenate([[0], np.cumsum(sketches.count)])
    ranks = (passed[high] - passed[low] - 1)[:, None] * np.asarray(qs, np.float64)
    ranks = np.floor(ranks).astype(np.int64)  # before a sum rounds them up
    at = np.searchsorted(passed[1:], passed[low][:, None] + ranks, side="right")
    values = np.append(middles(sketches.code), np.nan)
    at = np.minimum(at, np.maximum(high - 1, 0)[:, None])
    return np.where((low < high)[:, None], values[at], np.nan)
