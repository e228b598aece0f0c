"""How much a series changed over a range: ``rate`` and its relatives.

Prometheus' rules: a counter that falls was reset; the change between the first and the
last sample is extended to the ends of the range where samples lie close to them.
"""

from __future__ import annotations

import numpy as np

from robometrics.api.prometheus.lines import Line, Span
from robometrics.api.prometheus.vector import Bools, Floats, Ints
from robometrics.schema import NS_PER_SECOND

_NEAR = 1.1
"""An end within so many mean distances of a sample belongs to the series."""

_GAP_INTERVALS = 2.5
"""What is further apart was not sampled in between."""

Answer = tuple[Floats, Bools]


def increase(line: Line, span: Span) -> Answer:
    """Return by how much the counter grew in each range."""
    if line.windows is None:
        return _extrapolated(line.time_ns, line.value, span, is_counter=True)
    return _interpolated(line, span)


def rate(line: Line, span: Span) -> Answer:
    """Return the growth of the counter per second."""
    change, known = increase(line, span)
    return change / _seconds(span.stop_ns - span.start_ns), known


def delta(line: Line, span: Span) -> Answer:
    """Return the difference of a gauge between the ends of each range."""
    return _extrapolated(line.time_ns, line.value, span, is_counter=False)


def irate(line: Line, span: Span) -> Answer:
    """Return the growth per second between the last two samples."""
    before, last, known = _last_two(span)
    change = line.value[last] - line.value[before]
    change = np.where(change < 0, line.value[last], change)
    seconds = _seconds(line.time_ns[last] - line.time_ns[before])
    return np.divide(change, seconds, where=known, out=np.zeros(len(known))), known


def idelta(line: Line, span: Span) -> Answer:
    """Return the difference of the last two samples."""
    before, last, known = _last_two(span)
    return line.value[last] - line.value[before], known


def _last_two(span: Span) -> tuple[Ints, Ints, Bools]:
    last = np.maximum(span.high - 1, 0)
    return np.maximum(last - 1, 0), last, span.high - span.low >= 2  # noqa: PLR2004


def _seconds(ns: Ints) -> Floats:
    return ns / NS_PER_SECOND


def _without_resets(value: Floats) -> Floats:
    """Return a counter as if it had gone on where it fell."""
    lost = np.where(value[1:] < value[:-1], value[:-1], 0.0)
    return value + np.concatenate(([0.0], np.cumsum(lost)))


def _extrapolated(
    time_ns: Ints, value: Floats, span: Span, *, is_counter: bool
) -> Answer:
    known = span.high - span.low >= 2  # noqa: PLR2004
    first, last = np.where(known, span.low, 0), np.where(known, span.high - 1, 0)
    grown = _without_resets(value) if is_counter else value
    change = grown[last] - grown[first]
    sampled = _seconds(time_ns[last] - time_ns[first])
    between = np.divide(
        sampled, span.high - span.low - 1, where=known, out=np.ones(len(known))
    )
    change = _extended(
        change,
        sampled,
        between,
        _seconds(time_ns[first] - span.start_ns),
        _seconds(span.stop_ns - time_ns[last]),
        value[first] if is_counter else None,
    )
    return change, known


def _extended(
    change: Floats,
    sampled: Floats,
    between: Floats,
    to_start: Floats,
    to_end: Floats,
    first_value: Floats | None,
) -> Floats:
    """Return *change* over the whole range; all times in seconds.

    Args:
        change: Between the first and the last sample.
        sampled: Time between these two.
        between: Mean distance of two samples.
        to_start: From the start of the range to the first sample.
        to_end: From the last sample to the end of the range.
        first_value: Of a counter, which cannot have been below zero before.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if first_value is not None:
            to_zero = sampled * first_value / change
            limited = (change > 0) & (first_value >= 0) & (to_zero < to_start)
            to_start = np.where(limited, to_zero, to_start)
        to_start = np.where(to_start < between * _NEAR, to_start, between / 2)
        to_end = np.where(to_end < between * _NEAR, to_end, between / 2)
        return change * (sampled + to_start + to_end) / sampled


def _interpolated(line: Line, span: Span) -> Answer:
    """Return the increase of a counter that is known at both ends of each window.

    Between these it was sampled all the time, so where an end of the range falls is no
    guess; beyond the last known sample the usual rule holds, with the true interval.
    """
    base_ns = int(line.time_ns[0])
    time, grown = line.time_ns - base_ns, _without_resets(line.value)
    window = line.time_ns // line.window_ns
    is_near = np.diff(line.time_ns) <= _GAP_INTERVALS * line.interval_ns
    closed = np.append(is_near | (window[1:] == window[:-1]), False)

    def sampled_after(index: Ints) -> Bools:
        inside: Bools = (index >= 0) & closed[np.maximum(index, 0)]
        return inside

    starts_known = sampled_after(span.low - 1)
    stops_known = sampled_after(span.high - 1)
    first = np.minimum(span.low, len(time) - 1)
    last = np.maximum(span.high - 1, 0)
    start = np.where(starts_known, span.start_ns - base_ns, time[first])
    stop = np.where(stops_known, span.stop_ns - base_ns, time[last])
    known = stop > start
    change = np.interp(stop, time, grown) - np.interp(start, time, grown)
    sampled = np.where(known, _seconds(stop - start), 1.0)
    between = np.full(len(known), line.interval_ns / NS_PER_SECOND)
    change = _extended(
        change,
        sampled,
        between,
        _seconds(start - (span.start_ns - base_ns)),
        _seconds((span.stop_ns - base_ns) - stop),
        line.value[first],
    )
    return change, known
