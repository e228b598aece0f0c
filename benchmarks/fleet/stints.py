"""Samples of one run over a while, by second, as columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.fleet.loads import Floats, Ints
from robometrics.metrics import describe
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series
from robometrics.store.strips import Label

Numbers = NDArray[Any]
"""Integers or floats, as the metric has it."""


class Stint(NamedTuple):
    """One run over a while; each second has as many samples."""

    series: Series
    run: str
    label: Label
    slots: Ints
    """Increasing; what is missing is left out."""

    hz: int
    """Samples in each second."""

    offset_ns: Ints
    """Of each sample, in its slot."""

    before_ns: Ints
    """Of the sample before each slot's first, as in ``schema.Previous``; 0: none."""

    metrics: dict[str, Numbers]
    """A value for each sample; where there are fewer, one for each slot."""

    before: dict[str, Ints]
    """Each counter as it stood before each slot."""


class Counters:
    """Counters of one run or host, that go on from stint to stint."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}

    def grown(self, key: str, steps: Numbers) -> Ints:
        """Return *key* before and after each of *steps*."""
        start = self._at.get(key, 0)
        found = np.empty(len(steps) + 1, np.int64)
        found[0] = start
        np.cumsum(np.maximum(steps, 0).astype(np.int64), out=found[1:])
        found[1:] += start
        self._at[key] = int(found[-1])
        return found

    def forget(self) -> None:
        """Begin anew: another run."""
        self._at.clear()


class Trailing:
    """The mean of the seconds before, that goes on from stint to stint."""

    def __init__(self, seconds: int, value: float) -> None:
        self._recent = np.full(seconds, value)

    def mean(self, values: Numbers) -> Floats:
        """Return the mean up to each of *values*."""
        known = np.concatenate((self._recent, values))
        seconds = len(self._recent)
        self._recent = known[-seconds:]
        sums = np.cumsum(known)
        found: Floats = (sums[seconds:] - sums[:-seconds]) / seconds
        return found


def times_of(slots: Ints, hz: int) -> Floats:
    """Return when samples are due, in seconds since the Unix epoch."""
    starts = np.repeat(slots, hz).astype(np.float64)
    return starts + np.tile(np.arange(hz) / hz, len(slots))


def stint(
    series: Series,
    run: str,
    label: Label,
    slots: Ints,
    values: dict[str, Numbers],
    *,
    hz: int,
    kept: np.ndarray,
    chained: np.ndarray,
) -> Stint:
    """Return the samples in *slots* without those that are missing.

    Args:
        series: Whose.
        run: Which incarnation.
        label: For people.
        slots: Each second from the first to the last.
        values: By sample or by slot; counters have one more, before the first one.
        hz: Samples in each second.
        kept: Which slots are not missing.
        chained: Which know the sample before.
    """
    offset_ns = np.repeat(_late_ns(slots), hz) + np.tile(_grid_ns(hz), len(slots))
    before_ns = _late_ns(slots - 1) + _grid_ns(hz)[-1] - NS_PER_SECOND
    metrics: dict[str, Numbers] = {}
    before: dict[str, Ints] = {}
    for key, column in values.items():
        each = column
        if describe(key).kind == "counter":
            each = column[1:]
            before[key] = column[: -1 : len(each) // len(slots)][kept].astype(np.int64)
        metrics[key] = each.reshape(len(slots), -1)[kept].ravel()
    return Stint(
        series=series,
        run=run,
        label=label,
        slots=slots[kept],
        hz=hz,
        offset_ns=offset_ns.reshape(len(slots), hz)[kept].ravel(),
        before_ns=np.where(chained, before_ns, 0)[kept],
        metrics=metrics,
        before=before,
    )


def _late_ns(slots: Ints) -> Ints:
    """Return by how much the samples of each slot are late: up to 2 ms."""
    return slots * 7_919 % 2_000_000


def _grid_ns(hz: int) -> Ints:
    return np.arange(hz) * (NS_PER_SECOND // hz)
