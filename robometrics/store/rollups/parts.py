"""What one fold adds to a page: for each metric, a record per window and its buckets.

Both are arrays of fixed records, little-endian: those of many folds and pages are
joined and read as one. Another layout would be another field of a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robometrics.store.rollups.resolutions import BASE_SECONDS
from robometrics.store.rollups.sketches import Ints, Sketches, merged_sketches
from robometrics.store.rollups.windows import MetricWindows, Numbers

RECORD = np.dtype(
    [
        ("window", "u1"),  # its place in the page
        ("flags", "u1"),
        ("count", "<u4"),
        ("low", "<i8"),
        ("high", "<i8"),
        ("first_ns", "<i8"),
        ("last_ns", "<i8"),
        ("total_or_rate_low", "<i8"),
        ("last_or_rate_high", "<i8"),
    ]
)
"""Of a gauge total and last, of a counter the least and greatest rate."""

BUCKET = np.dtype([("window", "u1"), ("code", "<i4"), ("count", "<u4")])

GAUGE = 1
FLOAT = 2
"""``low``, ``high`` and ``last`` are the bits of a float64."""

FLOAT_TOTAL = 4
"""``total`` is."""


def to_bits(values: Numbers) -> Ints:
    """Return *values* for a field of a record."""
    return values.view(np.int64) if values.dtype == np.float64 else values


def read_parts(
    pages: Sequence[tuple[int, Sequence[bytes], Sequence[bytes] | None]],
) -> MetricWindows:
    """Return the windows of one metric in some pages, as they were folded.

    Args:
        pages: Start of each page, its records, and its buckets if they were read.
    """
    records = np.frombuffer(b"".join(b"".join(r) for _, r, _ in pages), RECORD)
    flags = records["flags"]
    gauge = flags & GAUGE != 0
    is_float = flags & FLOAT != 0
    nan = np.float64(np.nan)
    low_rate = records["total_or_rate_low"].copy().view(np.float64)
    high_rate = records["last_or_rate_high"].copy().view(np.float64)
    sizes = [sum(map(len, r)) // RECORD.itemsize for _, r, _ in pages]
    return MetricWindows(
        start=_starts([page for page, _, _ in pages], sizes, records["window"]),
        count=records["count"].astype(np.int64),
        low=_numbers(records["low"], is_float),
        high=_numbers(records["high"], is_float),
        first_ns=records["first_ns"].astype(np.int64),
        last_ns=records["last_ns"].astype(np.int64),
        gauge=gauge,
        total=_numbers(
            np.where(gauge, records["total_or_rate_low"], 0),
            gauge & (flags & FLOAT_TOTAL != 0),
        ),
        last=_numbers(
            np.where(gauge, records["last_or_rate_high"], 0), gauge & is_float
        ),
        rate_low=np.where(gauge, nan, low_rate),
        rate_high=np.where(gauge, nan, high_rate),
        sketch=_sketch([(page, b) for page, _, b in pages if b is not None]),
    )


def _sketch(pages: Sequence[tuple[int, Sequence[bytes]]]) -> Sketches | None:
    if not pages:
        return None
    buckets = np.frombuffer(b"".join(b"".join(b) for _, b in pages), BUCKET)
    sizes = [sum(map(len, b)) // BUCKET.itemsize for _, b in pages]
    found = Sketches(
        _starts([page for page, _ in pages], sizes, buckets["window"]),
        buckets["code"].astype(np.int64),
        buckets["count"].astype(np.int64),
    )
    return merged_sketches([found], BASE_SECONDS)


def _starts(pages: list[int], sizes: list[int], windows: Numbers) -> Ints:
    at = windows.astype(np.int64) * BASE_SECONDS
    at += np.repeat(np.array(pages, np.int64), sizes)
    return at


def _numbers(bits: Ints, is_float: Numbers) -> Numbers:
    """Return what *bits* mean: integers, unless one of them is a float."""
    integers = bits.astype(np.int64)
    if not np.any(is_float):
        return integers
    return np.where(is_float, integers.view(np.float64), integers.astype(np.float64))
