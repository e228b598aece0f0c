"""Values over equal steps: where samples, windows and runs come together."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import msgspec

from robometrics.api.selection import Selected
from robometrics.schema import NS_PER_SECOND
from robometrics.times import to_ms

Value = int | float | None
TimeText = Annotated[str, msgspec.Meta(max_length=64)]


class MetricAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One metric of a series, beside the series' times."""

    unit: str
    values: list[Value]
    """``null`` where nothing was measured."""

    min: list[Value] | None = None
    """Least value in each step; absent where steps are single samples."""

    max: list[Value] | None = None


class Range(msgspec.Struct, frozen=True):
    """``[start_ns, stop_ns)``, since the Unix epoch, in ``max_points`` steps.

    Steps begin at multiples of themselves, so that two answers agree; a range that does
    not may touch one more.
    """

    start_ns: int
    stop_ns: int
    max_points: int

    @property
    def wanted_step_ns(self) -> int:
        return max(1, math.ceil((self.stop_ns - self.start_ns) / self.max_points))

    def step_ns(self, unit_ns: int) -> int:
        """Return the wanted step as a whole number of *unit_ns*."""
        return math.ceil(self.wanted_step_ns / unit_ns) * unit_ns

    def slots(self, step_seconds: int = 1) -> tuple[int, int]:
        """Return the seconds it touches, in whole steps."""
        first = self.start_ns // NS_PER_SECOND
        last = math.ceil(self.stop_ns / NS_PER_SECOND)
        return first - first % step_seconds, last


class Piece(NamedTuple):
    """Part of what happened in one step."""

    amount: float
    weight: float
    """Seconds; amount / weight is the mean."""

    low: float
    high: float


class Grid:
    """Gathers values in equal steps, over all runs of a series."""

    def __init__(self, span: Range, step_ns: int, metric_count: int) -> None:
        self.step_ns = step_ns
        self.start_ns = span.start_ns - span.start_ns % step_ns
        self.count = math.ceil((span.stop_ns - self.start_ns) / step_ns)
        self._cells: list[list[dict[str, Piece] | None]] = [
            [None] * self.count for _ in range(metric_count)
        ]

    def add(self, metric: int, run: str, at_ns: int, piece: Piece) -> None:
        step = (at_ns - self.start_ns) // self.step_ns
        if not 0 <= step < self.count:
            return
        runs = self._cells[metric][step]
        if runs is None:
            runs = self._cells[metric][step] = {}
        cell = runs.get(run)
        runs[run] = piece if cell is None else _both(cell, piece)

    def times_ms(self) -> list[float]:
        return [to_ms(self.start_ns + i * self.step_ns) for i in range(self.count)]

    def answer(self, metric: int, selected: Selected) -> MetricAnswer:
        joined = [
            None if runs is None else self._joined(list(runs.values()), selected)
            for runs in self._cells[metric]
        ]
        return MetricAnswer(
            unit=selected.unit,
            values=[cell and cell[0] for cell in joined],
            min=[cell and cell[1] for cell in joined],
            max=[cell and cell[2] for cell in joined],
        )

    def _joined(
        self, cells: list[Piece], selected: Selected
    ) -> tuple[float, float, float]:
        """Return mean, least and greatest over the runs in one step.

        Runs side by side add up; runs one after the other share the step.
        """
        low = min(cell.low for cell in cells)
        high = max(cell.high for cell in cells)
        if selected.is_counter and not selected.is_rate:
            return high, low, high
        weight = sum(cell.weight for cell in cells)
        if len(cells) > 1:
            weight = min(weight, self.step_ns / NS_PER_SECOND)
        mean = sum(cell.amount for cell in cells) / weight
        return mean, low, max(high, mean)


def _both(a: Piece, b: Piece) -> Piece:
    return Piece(
        a.amount + b.amount, a.weight + b.weight, min(a.low, b.low), max(a.high, b.high)
    )
