"""Fold many batches at once: what each group adds to its page.

Pure. All batches of a chunk become a few long arrays, whatever their shapes are, so one
call of numpy serves thousands of values of many runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from robometrics.schema import NS_PER_SECOND
from robometrics.store.rollups.columns import Columns, Stream
from robometrics.store.rollups.groups import Group
from robometrics.store.rollups.parts import (
    BUCKET,
    FLOAT,
    FLOAT_TOTAL,
    GAUGE,
    RECORD,
    to_bits,
)
from robometrics.store.rollups.resolutions import BASE_SECONDS, PAGE_SECONDS
from robometrics.store.rollups.sketches import Floats, Ints, bucket_codes, counted
from robometrics.store.rollups.windows import Bools, Numbers, summed

CHUNK_VALUES = 50_000
"""Folded in one go: enough for numpy, and the event loop waits a few milliseconds."""


class Part(msgspec.Struct):
    """What one group adds to its page."""

    windows: dict[int, tuple[int, int]] = {}
    """Samples and longest interval (ns) of each window, by its place in the page."""

    records: dict[str, bytes] = {}
    buckets: dict[str, bytes] = {}


def chunks(groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
    """Yield *groups* in chunks of about ``CHUNK_VALUES``."""
    start, values = 0, 0
    for index, group in enumerate(groups):
        batch = next(iter(group.slots.values()))
        values += len(batch.metrics) * len(batch.offset_ns) * len(group.slots)
        if values >= CHUNK_VALUES:
            yield groups[start : index + 1]
            start, values = index + 1, 0
    if start < len(groups):
        yield groups[start:]


def fold(groups: Sequence[Group]) -> list[Part]:
    """Return what each of *groups* adds to its page."""
    parts = [_counts(group) for group in groups]
    columns = Columns(groups)
    moments = _Moments(columns)
    for stream in columns.streams.values():
        if stream.values:
            _fold_stream(stream, moments, parts)
    return parts


def _counts(group: Group) -> Part:
    part = Part()
    for slot, batch in group.slots.items():
        window = (slot - group.page) // BASE_SECONDS
        count, interval = part.windows.get(window, (0, 0))
        part.windows[window] = (
            count + len(batch.offset_ns),
            max(interval, batch.interval_ns),
        )
    return part


class _Moments:
    """When samples were taken, as arrays."""

    def __init__(self, columns: Columns) -> None:
        slots = np.array(columns.batch_slots, np.int64)
        sizes = np.array(columns.batch_sizes, np.int64)
        self.batch: Ints = np.repeat(np.arange(len(slots)), sizes)
        """Which batch each sample is in."""

        self.window: Ints = (slots % PAGE_SECONDS // BASE_SECONDS)[self.batch]
        """Which window of its page."""

        starts_ns = slots * NS_PER_SECOND
        self.at_ns: Ints = starts_ns[self.batch] + np.frombuffer(
            columns.offset_ns, np.int64
        )
        self.before_ns: Ints = starts_ns + np.array(columns.before_ns, np.int64)
        """Of each batch, when the sample before it was taken."""


def _fold_stream(stream: Stream, moments: _Moments, parts: list[Part]) -> None:
    values: Numbers = np.frombuffer(
        stream.values, np.int64 if stream.values.typecode == "q" else np.float64
    )
    column = np.repeat(np.arange(len(stream.sizes)), stream.sizes)
    sample = _neighbours(
        np.array(stream.pieces_at, np.int64), np.array(stream.pieces_sizes, np.int64)
    )
    window = moments.window[sample]
    at = np.flatnonzero(_changes(column) | _changes(window))  # a record begins
    ends = np.append(at[1:], len(values)) - 1

    records = np.zeros(len(at), RECORD)
    records["window"] = window[at]
    records["count"] = ends - at + 1
    records["low"] = to_bits(np.minimum.reduceat(values, at))
    records["high"] = to_bits(np.maximum.reduceat(values, at))
    records["first_ns"] = moments.at_ns[sample[at]]
    records["last_ns"] = moments.at_ns[sample[ends]]
    flags = FLOAT if values.dtype == np.float64 else 0
    sketched = np.array(stream.sketched)[column]
    if stream.is_gauge:
        totals = summed(values, at)
        flags |= GAUGE | (FLOAT_TOTAL if totals.dtype == np.float64 else 0)
        records["total_or_rate_low"] = to_bits(totals)
        records["last_or_rate_high"] = to_bits(values[ends])
    else:
        values, known = _rates(stream, values, column, sample, moments)
        unknown = np.where(known, values, np.nan)
        records["total_or_rate_low"] = to_bits(np.fmin.reduceat(unknown, at))
        records["last_or_rate_high"] = to_bits(np.fmax.reduceat(unknown, at))
        sketched &= known
    records["flags"] = flags

    row = np.repeat(np.arange(len(at)), ends - at + 1)[sketched]
    rows, codes, counts = counted(row, bucket_codes(values[sketched]))
    buckets = np.zeros(len(rows), BUCKET)
    buckets["window"] = records["window"][rows]
    buckets["code"] = codes
    buckets["count"] = counts

    _hand_out(stream, records, buckets, column[at], column[at][rows], parts)


def _hand_out(
    stream: Stream,
    records: Numbers,
    buckets: Numbers,
    record_column: Ints,
    bucket_column: Ints,
    parts: list[Part],
) -> None:
    """Give each group the bytes of its columns."""
    borders = np.arange(len(stream.names) + 1)
    record_bytes, bucket_bytes = records.tobytes(), buckets.tobytes()
    record_at = np.searchsorted(record_column, borders) * RECORD.itemsize
    bucket_at = np.searchsorted(bucket_column, borders) * BUCKET.itemsize
    start, bucket_start = 0, 0
    for (group, key), stop, bucket_stop in zip(
        stream.names, record_at[1:].tolist(), bucket_at[1:].tolist(), strict=True
    ):
        part = parts[group]
        part.records[key] = record_bytes[start:stop]
        if bucket_start < bucket_stop:
            part.buckets[key] = bucket_bytes[bucket_start:bucket_stop]
        start, bucket_start = stop, bucket_stop


def _rates(
    stream: Stream, values: Numbers, column: Ints, sample: Ints, moments: _Moments
) -> tuple[Floats, Bools]:
    """Return the rate per second at each value of a counter, and whether it is known.

    The first one in a batch needs the sample before the batch. A counter that ran
    backwards was reset: no rate there.
    """
    batch = moments.batch[sample]
    first = np.flatnonzero(_changes(column) | _changes(batch))
    before = np.empty_like(values)
    before[1:] = values[:-1]
    before[first], known_before = _before(stream.before, values.dtype)
    before_ns = np.empty_like(sample)
    at_ns = moments.at_ns[sample]
    before_ns[1:] = at_ns[:-1]
    before_ns[first] = moments.before_ns[batch[first]]
    known = values >= before
    known[first] &= known_before
    grown = values - before
    if values.dtype == np.int64:  # it may be more than 2^63
        grown = grown.view(np.uint64)
    elapsed_ns = np.where(known, at_ns - before_ns, 1)
    return grown.astype(np.float64) * NS_PER_SECOND / elapsed_ns, known


def _before(
    values: list[int | None], dtype: np.dtype[np.generic]
) -> tuple[Numbers, Bools]:
    known = np.array([value is not None for value in values], np.bool_)
    return np.array([value or 0 for value in values]).astype(dtype), known


def _neighbours(at: Ints, sizes: Ints) -> Ints:
    """Return ``at[i], at[i] + 1, …``, *sizes[i]* of them, one piece after another."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(at - before, sizes) + np.arange(int(sizes.sum()))


def _changes(values: Ints) -> Bools:
    """Return where a value is not the one before it; the first is new."""
    changes = np.empty(len(values), np.bool_)
    changes[0] = True
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes
