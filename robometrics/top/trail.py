"""The last five minutes of one value, one a second, drawn as blocks. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import isnan, nan

SECONDS = 300
_BLOCKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▁▂▃▄▅▆▇█"


class Trail:
    """A ring with a place for each second; NaN where nothing is known."""

    __slots__ = ("_newest", "_values")

    def __init__(self) -> None:
        self._values = array("f", [nan]) * SECONDS
        self._newest = 0

    def put(self, slot: int, value: float, seconds: int = 1) -> None:
        """Note *value*, which holds of the *seconds* that end with *slot*."""
        if slot > self._newest:
            self._forget(self._newest + 1, slot)
            self._newest = slot
        first = max(slot - seconds + 1, self._newest - SECONDS + 1)
        for each in range(first, slot + 1):
            self._values[each % SECONDS] = value

    def _forget(self, first: int, last: int) -> None:
        for each in range(max(first, last - SECONDS + 1), last + 1):
            self._values[each % SECONDS] = nan

    def until(self, slot: int, count: int) -> list[float]:
        """Return the values of the *count* seconds that end with *slot*."""
        oldest = self._newest - SECONDS
        return [
            self._values[each % SECONDS] if oldest < each <= self._newest else nan
            for each in range(slot - count + 1, slot + 1)
        ]

    def copy(self) -> Trail:
        found = Trail()
        found._values = self._values[:]
        found._newest = self._newest
        return found


def peak(values: Sequence[float]) -> float:
    """Return the greatest value that is known; 0 if none is."""
    return max((each for each in values if not isnan(each)), default=0.0)


def sparkline(values: Sequence[float], top: float) -> str:
    """Return a block for each value, up to *top*; a space where none is known."""
    return "".join(
        " " if isnan(each) else _BLOCKS[_level(each, top, len(_BLOCKS) - 1)]
        for each in values
    )


def chart(values: Sequence[float], top: float, height: int) -> list[str]:
    """Return *height* lines, the highest first, in which each value is a column.

    Whatever is known can be seen: a zero is a line at the bottom.
    """
    steps = height * 8
    levels = [0 if isnan(each) else max(1, _level(each, top, steps)) for each in values]
    return [
        "".join(_EIGHTHS[max(0, min(8, level - row * 8))] for level in levels)
        for row in reversed(range(height))
    ]


def highest_of(values: Sequence[float], count: int) -> list[float]:
    """Return the greatest of each *count* neighbours, NaN where none is known.

    The greatest, as a peak of one second is what one looks for.
    """
    groups = (values[each : each + count] for each in range(0, len(values), count))
    return [nan if all(map(isnan, group)) else peak(group) for group in groups]


def _level(value: float, top: float, steps: int) -> int:
    share = value / top if top > 0 else 0.0
    return round(max(0.0, min(1.0, share)) * steps)
