"""What of a block mostly follows from the rest, so that only exceptions are stored."""

from __future__ import annotations

import numpy as np

from robometrics.schema import NS_PER_SECOND
from robometrics.store.strips import Bools, Column, Ints, Strip


def expected_before_ns(slots: Ints, offset_ns: Ints, counts: Ints) -> Ints:
    """Return the offset of the last sample of the batch before each batch."""
    last_ns = slots * NS_PER_SECOND + offset_ns[np.cumsum(counts) - 1]
    expected = np.zeros(len(slots), np.int64)
    expected[1:] = last_ns[:-1] - slots[1:] * NS_PER_SECOND
    return expected


def expected_before(
    strip: Strip, column: Column, *, is_chained: bool
) -> tuple[Ints, Bools]:
    """Return the counter at the end of the batch before, and where there is one."""
    before = np.zeros(len(strip), np.int64)
    chained = np.zeros(len(strip), np.bool_)
    if not is_chained or column.values.dtype != np.int64 or not len(column.values):
        return before, chained
    lengths = column.lengths(strip.counts)
    ends = np.maximum(np.cumsum(lengths) - 1, 0)
    follows = strip.before_ns == expected_before_ns(
        strip.slots, strip.offset_ns, strip.counts
    )
    told = (lengths > 0) & column.present[ends]
    chained[1:] = told[:-1] & follows[1:]
    before[1:] = np.where(chained[1:], column.values[ends[:-1]], 0)
    return before, chained


def grid_ns(counts: Ints, interval_ns: Ints) -> Ints:
    """Return when samples are due that are an interval apart, in their slots."""
    starts = np.cumsum(counts) - counts
    index = np.arange(int(counts.sum())) - np.repeat(starts, counts)
    return index * np.repeat(interval_ns, counts)
