"""The samples of one series, joined over runs, and what they are at given times."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from robometrics.api.prometheus.labels import Labels
from robometrics.api.prometheus.vector import Bools, Floats, Ints


class Windows(NamedTuple):
    """Of samples that stand for a window each: what happened in it."""

    low: Floats
    high: Floats
    total: Floats
    """Sum of the values."""

    samples: Floats
    """Number of values."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One series over a range, in the order of time."""

    labels: Labels
    time_ns: Ints
    value: Floats
    expires_ns: Ints
    """From when on each sample is not the present value any more."""

    interval_ns: int
    """Longest distance of two samples as configured."""

    window_ns: int = 0
    windows: Windows | None = None
    """``None``: these are the samples as they were taken."""


def latest(line: Line, at_ns: Ints) -> tuple[Ints, Bools]:
    """Return the index of the present sample at each time, and whether there is one."""
    index = np.searchsorted(line.time_ns, at_ns, side="right") - 1
    known = index >= 0
    index = np.maximum(index, 0)
    if len(line.time_ns) == 0:
        return index, known
    return index, known & (line.expires_ns[index] > at_ns)


class Span(NamedTuple):
    """The samples of a line in ``(start, stop]`` of each time of evaluation."""

    start_ns: Ints
    stop_ns: Ints
    low: Ints
    """Index of the first sample."""

    high: Ints
    """Index after the last one."""


def spans(line: Line, at_ns: Ints, range_ns: int) -> Span:
    start_ns = at_ns - range_ns
    return Span(
        start_ns,
        at_ns,
        np.searchsorted(line.time_ns, start_ns, side="right"),
        np.searchsorted(line.time_ns, at_ns, side="right"),
    )
