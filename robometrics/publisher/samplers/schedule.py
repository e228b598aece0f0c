"""When to read again what costs its target, or us, more than a glance."""

from __future__ import annotations

SHARE_MAX = 1 / 2_000
"""Of the time, that may go into such readings: one of 15 ms fits into 30 s."""


class Schedule:
    """Due at once, then at an interval that grows with what a reading takes."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._due_at = float("-inf")

    def is_due(self, now: float) -> bool:
        return now >= self._due_at

    def done(self, now: float, took_seconds: float) -> None:
        """Plan the next reading after one at *now*; both in seconds."""
        pause_seconds = max(self._interval_seconds, took_seconds / SHARE_MAX)
        self._due_at = now + pause_seconds
