"""When programs run and when samples are missing: known for each second beforehand.

All times are slots: seconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.fleet.loads import Ints

_NEVER = 2**32


class Run(NamedTuple):
    """One incarnation of a program."""

    number: int
    first: int
    stop: int
    """The slot after its last."""


class Life(NamedTuple):
    """A program that ends, and is started again, for ever."""

    every: int
    """Seconds from start to start."""

    lasting: int
    """Seconds that each run lasts."""

    exit_code: int

    def runs(self, at: int, start: int, stop: int) -> Iterator[Run]:
        """Yield the runs that begin or go on in ``[start, stop)``, and the one before.

        One begins at the slot *at*.
        """
        number = (start - at) // self.every
        while (first := at + number * self.every) < stop:
            yield Run(number, first, first + self.lasting)
            number += 1


class Hole(NamedTuple):
    """Samples that are missing, again and again."""

    cause: str
    """One of ``schema.GAP_CAUSES``."""

    every: int
    """Seconds from one to the next."""

    lasting: int
    before: int
    """Seconds before the present at which one begins."""

    program: str | None = None
    """``None``: of the whole host."""

    @property
    def is_chained(self) -> bool:
        """Whether the batch behind it names the sample before: it was taken."""
        return self.cause.startswith("outbox")

    def mask(self, slots: Ints, present: int) -> NDArray[np.bool_]:
        """Return which of *slots* are missing."""
        found: NDArray[np.bool_] = self._since(slots, present) < self.lasting
        return found

    def ended(self, start: int, stop: int, present: int) -> Iterator[tuple[int, int]]:
        """Yield first and last slot of those whose end lies in ``[start, stop)``."""
        first = start - self._since(start, present)
        while first + self.lasting < stop:
            if first + self.lasting >= start:
                yield first, first + self.lasting - 1
            first += self.every

    def _since(self, slot: Any, present: int) -> Any:
        """Return how many seconds ago one began at *slot*, or at each of several."""
        return (slot - present + self.before) % self.every


def whole_life(first: int) -> Run:
    """Return the run of a program that never ends."""
    return Run(0, first, _NEVER)
