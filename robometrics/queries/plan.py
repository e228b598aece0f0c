"""From what an answer is made: raw samples, or windows of some resolution."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND
from robometrics.store import RESOLUTIONS

Source = Literal["raw", "10s", "1m", "1h"]

RAW_RANGE_MAX_NS = 4 * 3600 * NS_PER_SECOND
"""Longer ranges are answered from windows, however many points are wanted."""

_FRESH_SECONDS = 60
"""What is younger is read raw: it may not be in a window yet."""

_LAG_SECONDS = 900
"""How far windows may be behind for raw samples to stand in for them."""


class Plan(NamedTuple):
    """How to answer for one span."""

    source: Source
    step_ns: int
    """At least: of raw samples it becomes a multiple of their interval."""

    @property
    def window_seconds(self) -> int:
        return RESOLUTIONS[self.source].window


def plan(span: Span, wanted: str = "auto") -> Plan:
    """Return the finest resolution that is not needlessly fine for *span*.

    Args:
        span: The range, and how many points are wanted.
        wanted: ``auto``, or a resolution to be used in any case.
    """
    if wanted in RESOLUTIONS:
        return _of_windows(span, wanted)
    step_ns = span.wanted_step_ns
    if span.stop_ns - span.start_ns > RAW_RANGE_MAX_NS:
        step_ns = max(step_ns, 10 * NS_PER_SECOND)
    source = "raw"
    for name, resolution in RESOLUTIONS.items():
        if resolution.window * NS_PER_SECOND <= step_ns:
            source = name
    return Plan("raw", step_ns) if source == "raw" else _of_windows(span, source)


def coarser(span: Span) -> Plan:
    """Return the plan for *span* if its raw samples are too many."""
    return _of_windows(span, next(iter(RESOLUTIONS)))


def _of_windows(span: Span, name: str) -> Plan:
    seconds = RESOLUTIONS[name].window
    return Plan(name, span.step_ns(seconds * NS_PER_SECOND))  # type: ignore[arg-type]


def raw_from(found: Plan, newest: int | None, now: float | None = None) -> int | None:
    """Return the slot from which raw samples stand in for windows.

    Args:
        found: A plan of windows.
        newest: Start of the newest window there is; ``None``: there is none.
        now: Seconds since the Unix epoch; the clock's if not given.

    Returns:
        A boundary of windows; ``None`` where a few seconds make no difference.
    """
    seconds = found.window_seconds
    if seconds > _FRESH_SECONDS:
        return None
    latest = int(time.time() if now is None else now) - _FRESH_SECONDS
    earliest = latest - _LAG_SECONDS
    start = min(latest, earliest if newest is None else newest)
    start = max(start, earliest)
    return start - start % seconds
