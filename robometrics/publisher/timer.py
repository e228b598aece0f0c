"""Waking up in time."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable

from robometrics.schema import NS_PER_SECOND

NAP_NS = 20_000_000
"""Shorter waits are slept through: the kernel's timer is exact and costs least. Longer
ones can be broken off."""


_PR_SET_TIMERSLACK = 29


def wake_exactly() -> None:
    """Let the kernel wake this thread when it asked for, not up to 50 µs later.

    See PR_SET_TIMERSLACK in prctl(2); elsewhere nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


class Timer:
    """Sleeps until a time by a clock; another thread may break it off."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.is_stopped = False
        self._now_ns = now_ns
        self._poked = threading.Event()

    def stop(self) -> None:
        """Let no sleep last any longer."""
        self.is_stopped = True
        self._poked.set()

    def poke(self) -> None:
        """Break off the sleep under way, or else the next one."""
        self._poked.set()

    def sleep_until(self, at_ns: int) -> bool:
        """Sleep; return whether it is *at_ns* now, and not broken off."""
        while not self.is_stopped:
            left_ns = at_ns - self._now_ns()
            if left_ns <= 0:
                return True
            if left_ns <= NAP_NS:
                time.sleep(left_ns / NS_PER_SECOND)
            elif self._poked.wait(left_ns / NS_PER_SECOND):
                self._poked.clear()
                return False
        return False
