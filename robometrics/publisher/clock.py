"""The worker's time: wall-clock time that never runs back within a generation."""

from __future__ import annotations

import time
from collections.abc import Callable

from robometrics.schema import NS_PER_SECOND

STEP_NS = 100_000_000
"""Differences of wall and own time below this are left alone."""


class Clock:
    """Wall time, anchored once and advanced by the monotonic clock.

    ``check`` compares it with the wall. A step forward (NTP, a suspended host) is
    followed; a step back starts a new generation, so that a slot passed twice is never
    taken for a repeat of itself.
    """

    def __init__(
        self,
        generation: int = 0,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.generation = generation
        self._wall_ns = wall_ns
        self.monotonic_ns = monotonic_ns
        self.anchor_ns = wall_ns() - monotonic_ns()
        """What to add to the monotonic clock; changes in ``check`` only."""

    @classmethod
    def resumed(
        cls,
        last_slot: int,
        generation: int,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> Clock:
        """Return the clock of a worker that last published *last_slot*.

        If the wall has fallen behind that, it is a new generation.
        """
        fell_back = wall_ns() // NS_PER_SECOND < last_slot
        return cls(generation + fell_back, wall_ns=wall_ns, monotonic_ns=monotonic_ns)

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return self.anchor_ns + self.monotonic_ns()

    def check(self) -> int:
        """Follow the wall clock if it stepped; return by how many ns, 0 if not."""
        step_ns = self._wall_ns() - self.now_ns()
        if abs(step_ns) < STEP_NS:
            return 0
        self.anchor_ns += step_ns
        if step_ns < 0:
            self.generation += 1
        return step_ns
