"""Slow readings, most once a second, each kind in a thread of its own beside the ticks.

A disk that stalls or a driver that hangs then costs its own readings and nobody else's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from robometrics.publisher.clock import Clock
from robometrics.schema import NS_PER_SECOND

log = logging.getLogger(__name__)

PHASE_NS = 50_000_000
"""When in a second they begin: between the ticks that many grids share."""

_KEPT = 4

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)  # a generic NamedTuple needs Python 3.11
class Reading(Generic[T_co]):
    """What was read, and when by the clock that counts from the boot."""

    boottime_ns: int
    values: T_co


class Round(threading.Thread, Generic[T]):
    """Calls *read* again and again; the sampler takes each answer with its slot."""

    def __init__(
        self,
        name: str,
        read: Callable[[], T],
        clock: Clock,
        close: Callable[[], None] | None = None,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            name: Of the thread, and in the worker's metrics.
            read: Called once each period, a second unless it sets another.
            clock: The worker's; rounds keep to its seconds.
            close: Called after the last round, in the same thread.
        """
        super().__init__(name=name, daemon=True)
        self.period_ns = NS_PER_SECOND
        self.rounds = 0
        self.failures = 0
        self.cpu_time_ns = 0
        self.duration_ns = 0
        """Of the last round, by the wall."""

        self._read = read
        self._close = close
        self._clock = clock
        self._readings: deque[Reading[T]] = deque(maxlen=_KEPT)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Begin no other round. One that hangs is left behind at the exit."""
        self._stopping.set()

    def take(self, slot: int, *, anchor_ns: int) -> Reading[T] | None:
        """Return the last reading taken before *slot* ended, each only once."""
        end_ns = (slot + 1) * NS_PER_SECOND - anchor_ns
        last = None
        while self._readings and self._readings[0].boottime_ns < end_ns:
            last = self._readings.popleft()
        return last

    def run(self) -> None:
        while not self._stopping.wait(self._until_next_ns() / NS_PER_SECOND):
            self._round()
        if self._close is not None:
            self._close()

    def _until_next_ns(self) -> int:
        return self.period_ns - (self._clock.now_ns() - PHASE_NS) % self.period_ns

    def _round(self) -> None:
        began_ns = self._clock.monotonic_ns()
        try:
            values = self._read()
        except Exception:
            if self.failures == 0:
                log.exception("%s: a round failed; it is tried again", self.name)
            self.failures += 1
        else:
            self._readings.append(Reading(self._clock.monotonic_ns(), values))
        self.rounds += 1
        self.duration_ns = self._clock.monotonic_ns() - began_ns
        self.cpu_time_ns = time.thread_time_ns()
