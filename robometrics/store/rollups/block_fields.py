"""The metrics of a block as bytes, a field for each, and back.

Most metrics of a run are read at the same times: which windows there are, and when the
first and last value in each was, is kept once for all of them (``t``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from robometrics.errors import DiscardMessageError
from robometrics.schema import NS_PER_SECOND
from robometrics.store.rollups.packing import pack_rows, unpack_rows
from robometrics.store.rollups.parts import to_bits
from robometrics.store.rollups.sketches import Ints, Sketches
from robometrics.store.rollups.windows import MetricWindows, Numbers

_FLOAT = 1  # low and high are floats
_FLOAT_LAST = 2
_FLOAT_TOTAL = 4
_HAS_GAUGE = 8
_HAS_COUNTER = 16
_TIMES_SHIFT = 8
_TIMES_MAX = 255
"""The number of the times in ``t``, from 1, stands above the flags; 0: its own."""

_TIMES = 3
Times = tuple[Ints, Ints, Ints]
"""Windows, by number in the block; time of first and last value in them, in ns."""


@contextmanager
def _told_as_discard() -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, ValueError, StopIteration) as exc:
        raise DiscardMessageError(f"not windows of a block: {exc!r}") from exc


def pack_metrics(
    metrics: Mapping[str, MetricWindows], start: int, seconds: int
) -> dict[str, Any]:
    """Return the fields ``t``, ``m`` and ``q`` that hold *metrics* and their sketches.

    Args:
        metrics: With windows, each.
        start: Of the block, seconds since the Unix epoch.
        seconds: Length of the windows.
    """
    times = {key: _times(windows, start, seconds) for key, windows in metrics.items()}
    used = Counter(_key(each) for each in times.values())
    shared = [key for key, count in used.most_common(_TIMES_MAX) if count > 1]
    numbers = {key: number for number, key in enumerate(shared, 1)}
    tables: dict[int, bytes] = {}
    packed, sketches = {}, {}
    for key, windows in metrics.items():
        number = numbers.get(_key(times[key]), 0)
        if number and number not in tables:
            tables[number] = pack_rows(times[key])
        own = () if number else times[key]
        packed[key] = _pack_metric(windows, own, number << _TIMES_SHIFT)
        if windows.sketch is not None and len(windows.sketch.start):
            sketches[key] = pack_sketch(windows.sketch, start, seconds)
    return {"t": [tables[n] for n in sorted(tables)], "m": packed, "q": sketches}


@_told_as_discard()
def unpack_times(fields: Mapping[str, Any]) -> list[Times]:
    """Return the times that metrics share.

    Raises:
        DiscardMessageError: They are not such bytes.
    """
    found = []
    for data in fields.get("t", ()):
        (index, first, last), _ = unpack_rows(data)
        found.append((index, first, last))
    return found


@_told_as_discard()
def unpack_metric(
    data: bytes, shared: Sequence[Times], start: int, seconds: int
) -> MetricWindows:
    """Return a metric of a block, without its sketches.

    Raises:
        DiscardMessageError: *data* is not such bytes.
    """
    rows, flags = unpack_rows(data)
    number = flags >> _TIMES_SHIFT
    if number > len(shared):
        raise DiscardMessageError(f"times {number} of a metric are not there")
    times = shared[number - 1] if number else rows[:_TIMES]
    rest = iter(rows if number else rows[_TIMES:])
    count, low, high = next(rest), next(rest), next(rest)
    starts = start + times[0] * seconds
    starts_ns = starts * NS_PER_SECOND
    gauge = np.ones(len(starts), np.bool_)
    total = last = np.zeros(len(starts), np.int64)
    slow = fast = np.full(len(starts), np.nan)
    if flags & _HAS_GAUGE:
        total = _numbers(next(rest), flags & _FLOAT_TOTAL)
        last = _numbers(next(rest), flags & _FLOAT_LAST)
    if flags & _HAS_COUNTER:
        slow, fast = next(rest).view(np.float64), next(rest).view(np.float64)
        gauge = next(rest).astype(np.bool_)
    return MetricWindows(
        start=starts,
        count=count,
        low=_numbers(low, flags & _FLOAT),
        high=_numbers(high, flags & _FLOAT),
        first_ns=times[1] + starts_ns,
        last_ns=times[2] + starts_ns,
        gauge=gauge,
        total=total,
        last=last,
        rate_low=slow,
        rate_high=fast,
    )


def pack_sketch(sketch: Sketches, start: int, seconds: int) -> bytes:
    return pack_rows([(sketch.start - start) // seconds, sketch.code, sketch.count])


@_told_as_discard()
def unpack_sketch(data: bytes, start: int, seconds: int) -> Sketches:
    """Return what ``pack_sketch`` made *data* of.

    Raises:
        DiscardMessageError: *data* is not such bytes.
    """
    (index, code, count), _ = unpack_rows(data)
    return Sketches(start + index * seconds, code, count)


def _times(windows: MetricWindows, start: int, seconds: int) -> Times:
    starts_ns = windows.start * NS_PER_SECOND
    return (
        (windows.start - start) // seconds,
        windows.first_ns - starts_ns,
        windows.last_ns - starts_ns,
    )


def _key(times: Times) -> bytes:
    return b"".join(each.tobytes() for each in times)


def _pack_metric(windows: MetricWindows, own: Sequence[Ints], flags: int) -> bytes:
    rows = [*own, windows.count, to_bits(windows.low), to_bits(windows.high)]
    for flag, values in (
        (_FLOAT, windows.low),
        (_FLOAT_LAST, windows.last),
        (_FLOAT_TOTAL, windows.total),
    ):
        flags |= flag if values.dtype == np.float64 else 0
    if windows.gauge.any():
        flags |= _HAS_GAUGE
        rows += [to_bits(windows.total), to_bits(windows.last)]
    if not windows.gauge.all():
        flags |= _HAS_COUNTER
        rows += [to_bits(windows.rate_low), to_bits(windows.rate_high)]
        rows.append(windows.gauge.astype(np.int64))
    return pack_rows(rows, flags)


def _numbers(bits: Ints, is_float: int) -> Numbers:
    return bits.view(np.float64) if is_float else bits
