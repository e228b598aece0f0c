"""Inflict faults on a running stack, and tell what became of each sample."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from faults.catalogue import Fault
from faults.reading import Reading, now
from faults.stack import Stack
from faults.truth import Account

RECOVER_SECONDS = 90.0
DRAIN_SECONDS = 100.0  # redelivery takes a minute
FOLD_SECONDS = 20.0
SETTLED_SECONDS = 2.0
SLOT_NS = 1_000_000_000
PROBE = "p000"
TWO_AT_ONCE = 0.25
SUPERVISE_SECONDS = 1.0


@dataclass
class Window:
    """One fault, from its beginning to that of the next."""

    name: str
    start: int
    """The first value fed in it, as all times here."""

    recovered_seconds: float | None
    """From the fault's end until a sample fed after it is stored, folded and can be
    asked for; ``None``: not within ``RECOVER_SECONDS``; NaN: not measured."""

    stored_seconds: float | None
    """The same, until it is stored."""

    stops_worker: bool = False
    stop: int = 0
    account: Account | None = None


@dataclass
class Report:
    """What came out of a scenario."""

    windows: list[Window]
    account: Account
    untold_slots: list[int]
    """Seconds in which nothing was fed, and no gap says why."""

    rollup_differences: list[str]
    drained_seconds: float
    dead_letters: int

    @property
    def is_clean(self) -> bool:
        return (
            self.account.is_clean
            and not self.untold_slots
            and not self.rollup_differences
            and all(window.recovered_seconds is not None for window in self.windows)
        )


class Scenario:
    """Inflicts faults one after another; ``finish`` closes the books."""

    def __init__(self, stack: Stack, reading: Reading) -> None:
        self._stack = stack
        self._reading = reading
        self.windows: list[Window] = []

    def begin(self) -> None:
        """Wait until samples arrive; so each fault hits a pipeline at work."""
        self._recovered("nothing", _start())

    def mark(self, name: str) -> None:
        """Begin a window without waiting for anything."""
        self.windows.append(Window(name, _start(), math.nan, math.nan))

    def inflict(self, fault: Fault) -> Window:
        """Let *fault* happen, and wait until the pipeline has recovered."""
        started = _start()
        fault.begin(self._stack)
        time.sleep(fault.seconds)
        fault.end(self._stack)
        window = self._recovered(fault.name, started, stops_worker=fault.stops_worker)
        time.sleep(SETTLED_SECONDS)
        return window

    def inflict_at_random(
        self, faults: Sequence[Fault], seconds: float, chance: random.Random
    ) -> None:
        """Let faults happen for *seconds*, sometimes two at once, without a rest."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            chosen = [chance.choice(faults)]
            if chance.random() < TWO_AT_ONCE:
                chosen += [
                    fault
                    for fault in [chance.choice(faults)]
                    if fault.target != chosen[0].target
                ]
            started = _start()
            for fault in chosen:
                fault.begin(self._stack)
            time.sleep(chance.uniform(0.1, 1.0) * max(each.seconds for each in chosen))
            for fault in reversed(chosen):
                fault.end(self._stack)
            self._stack.supervise()
            name = " and ".join(fault.name for fault in chosen)
            loses = any(fault.stops_worker for fault in chosen)
            if chance.random() < 0.5:
                self._recovered(name, started, stops_worker=loses)
            else:
                self.windows.append(Window(name, started, math.nan, math.nan, loses))

    def finish(self, drain_seconds: float = DRAIN_SECONDS) -> Report:
        """Stop the worker once all it took is away, and compare everything."""
        began = time.monotonic()
        self._wait_until_explained(now(), began + drain_seconds)
        self._stack.parts["worker"].stop()
        account = self._wait_until_explained(now(), began + drain_seconds)
        differences = self._reading.rollup_differences()
        deadline = max(time.monotonic() + FOLD_SECONDS, began + drain_seconds)
        while differences and time.monotonic() < deadline:
            time.sleep(SETTLED_SECONDS)
            differences = self._reading.rollup_differences()
        stops = [window.start for window in self.windows[1:]] + [now()]
        for window, stop in zip(self.windows, stops, strict=True):
            window.stop = stop
            window.account = account.between(window.start, stop)
        return Report(
            self.windows,
            account,
            self._reading.untold_slots(),
            differences,
            time.monotonic() - began,
            self._reading.dead_letters(),
        )

    def _wait_until_explained(self, stop: int, deadline: float) -> Account:
        """Wait until all fed before *stop* is stored or explained; not for ever."""
        while True:
            account = self._reading.account()
            done = not account.between(0, stop).unexplained
            if done or time.monotonic() > deadline:
                return account
            time.sleep(SETTLED_SECONDS)

    def _recovered(
        self, name: str, started: int, *, stops_worker: bool = False
    ) -> Window:
        """Wait until a sample fed from now on has come all the way."""
        ended = now()
        stored = recovered = None
        supervised = 0.0
        while (waited := (now() - ended) / 1e9) < RECOVER_SECONDS:
            if supervised + SUPERVISE_SECONDS < waited:
                supervised = waited
                self._stack.supervise()
            if stored is None and self._reading.newest_stored(PROBE) > ended:
                stored = waited
            if (
                stored is not None
                and self._reading.newest_folded(PROBE) > ended
                and self._stack.serves()
            ):
                recovered = (now() - ended) / 1e9
                break
            time.sleep(0.05)
        window = Window(name, started, recovered, stored, stops_worker)
        self.windows.append(window)
        return window


def _start() -> int:
    """Return where a window begins: with the slot that its fault may cost."""
    return now() - SLOT_NS
