"""The worker's time: wall-clock time that never runs back within a generation."""

from __future__ import annotations

import time
from collections.abc import Callable

from robometrics.publisher.kernel_clock import read_kernel_clock
from robometrics.schema import NS_PER_SECOND

STEP_NS = 100_000_000
"""Differences of wall and own time below this are left alone."""

FLOOR_NS = 1_704_067_200 * NS_PER_SECOND
"""2024-01-01: there was no RoboMetrics before, so an earlier wall clock is not set."""

SETTLE_NS = 120 * NS_PER_SECOND
"""How long after a boot an unsynchronised clock may still be about to be set."""

_RESUMED_WITHIN_SECONDS = 600


def since_boot_ns() -> int:
    """Return nanoseconds since the boot, the time asleep included."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


def is_synchronised() -> bool:
    """Tell whether the kernel knows its clock to be right (``adjtimex``)."""
    clock = read_kernel_clock()
    return clock is None or clock.is_synchronised  # None: nobody can tell


class Clock:
    """Wall time, anchored once and advanced by a clock that counts sleep.

    ``check`` compares it with the wall. A step forward is followed; a step back starts
    a new generation, so that a slot passed twice is never taken for a repeat of itself.

    A machine without a battery boots in 1970, or in the minute it was switched off,
    until the network tells it the time. Until then the clock is not *set*: times are
    kept, but to be stamped again by ``anchor_ns`` once it is.
    """

    def __init__(
        self,
        generation: int = 0,
        *,
        last_slot: int = 0,
        rebooted: bool = False,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = since_boot_ns,
        awake_ns: Callable[[], int] = time.monotonic_ns,
        is_synchronised: Callable[[], bool] = is_synchronised,
    ) -> None:
        """Begin at the wall's time.

        Args:
            generation: The one the last worker on this host was in.
            last_slot: The last one it published; 0 if none.
            rebooted: Whether the machine was booted since.
            wall_ns: The wall clock.
            monotonic_ns: Nanoseconds since the boot, sleep included.
            awake_ns: The same without sleep.
            is_synchronised: Whether the kernel trusts the wall clock.
        """
        self.generation = generation
        self.monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._awake_ns = awake_ns
        self._is_synchronised = is_synchronised
        self._last_slot = last_slot
        wall = wall_ns()
        self.anchor_ns = wall - monotonic_ns()
        """What to add to the monotonic clock; changes in ``check`` only."""

        # A battery-less clock goes on where it was switched off, or earlier.
        resumed = wall // NS_PER_SECOND < last_slot + _RESUMED_WITHIN_SECONDS
        self._doubtful_until_ns = SETTLE_NS if rebooted and resumed else 0
        self._asleep_ns = monotonic_ns() - awake_ns()
        self.is_set = False
        self._see_whether_set()

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return self.anchor_ns + self.monotonic_ns()

    def check(self) -> int:
        """Follow the wall clock if it stepped; return by how many ns, 0 if not."""
        step_ns = self._wall_ns() - self.now_ns()
        if abs(step_ns) < STEP_NS:
            step_ns = 0
        self.anchor_ns += step_ns
        if not self.is_set:
            self._see_whether_set(was_unset=True)  # the slot it is in goes on
        elif step_ns < 0:
            self.generation += 1
        return step_ns

    def take_sleep_ns(self) -> int:
        """Return how long the machine slept since this was asked last."""
        before = self._asleep_ns
        self._asleep_ns = self.monotonic_ns() - self._awake_ns()
        return self._asleep_ns - before

    def _see_whether_set(self, *, was_unset: bool = False) -> None:
        now_ns = self.now_ns()
        if now_ns < FLOOR_NS:
            return
        if self.monotonic_ns() < self._doubtful_until_ns and not (
            self._is_synchronised()
        ):
            return
        self.is_set = True
        # What was published before lies ahead: these slots come a second time.
        self.generation += now_ns // NS_PER_SECOND < self._last_slot + was_unset
