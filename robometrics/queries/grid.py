"""Values over equal steps: where samples, windows and runs come together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robometrics.queries.pieces import Floats, Pieces
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND
from robometrics.times import to_ms


class Steps(NamedTuple):
    """The equal steps of a span."""

    start_ns: int
    step_ns: int
    size: int

    @classmethod
    def of(cls, span: Span, step_ns: int) -> Steps:
        start_ns = span.start_ns - span.start_ns % step_ns
        return cls(start_ns, step_ns, -((start_ns - span.stop_ns) // step_ns))

    def times_ms(self) -> list[float]:
        return [to_ms(self.start_ns + i * self.step_ns) for i in range(self.size)]


class Curve(NamedTuple):
    """One metric over steps; NaN where nothing was measured."""

    mean: Floats
    low: Floats
    high: Floats


def gather(steps: Steps, metric: Selected, runs: Sequence[Pieces]) -> Curve:
    """Return the mean and the extremes of all *runs* in each step.

    Runs side by side add up; runs one after the other share the step. Of a counter
    itself the mean is the greatest value.
    """
    amount, weight, running = (np.zeros(steps.size) for _ in range(3))
    low = np.full(steps.size, np.inf)
    high = np.full(steps.size, -np.inf)
    for run in runs:
        step = (run.at_ns - steps.start_ns) // steps.step_ns
        inside = (step >= 0) & (step < steps.size)
        step, pieces = step[inside], run.at(inside)
        if not len(step):
            continue
        amount += np.bincount(step, pieces.amount, steps.size)
        weight += np.bincount(step, pieces.weight, steps.size)
        firsts = np.flatnonzero(np.diff(step, prepend=-1))  # pieces are in order
        running[step[firsts]] += 1
        there = step[firsts]
        low[there] = np.minimum(low[there], np.minimum.reduceat(pieces.low, firsts))
        high[there] = np.maximum(high[there], np.maximum.reduceat(pieces.high, firsts))
    nothing = running == 0
    low[nothing] = high[nothing] = np.nan
    if metric.is_counter and not metric.is_rate:
        return Curve(high.copy(), low, high)
    shared = np.minimum(weight, steps.step_ns / NS_PER_SECOND)
    weight = np.where(running > 1, shared, weight)
    mean = amount / np.where(nothing, np.nan, weight)
    # Rounding may put a mean outside of what it is of; only a sum of runs may be there.
    mean = np.where(running > 1, mean, np.clip(mean, low, high))
    return Curve(mean, low, np.fmax(high, mean))


def listed(values: NDArray[np.float64]) -> list[float | None]:
    """Return *values* for an answer: ``None`` for NaN."""
    found: list[float | None] = values.tolist()
    for index in np.flatnonzero(np.isnan(values)).tolist():
        found[index] = None
    return found
