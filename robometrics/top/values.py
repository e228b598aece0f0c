"""From a batch of counters and gauges to one number a second. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from robometrics.metrics import DERIVED, split_key
from robometrics.metrics.kinds import Derived
from robometrics.schema import NS_PER_SECOND, AnyBatch

Number = int | float
_GAP_INTERVALS = 2.5


def value(batch: AnyBatch, name: str) -> Number | None:
    """Return what metric *name* was in the second of *batch*; ``None``: not known.

    Of a rate its mean, else the last reading.
    """
    derived = DERIVED.get(name)
    return _last(batch, name) if derived is None else _rate(batch, derived)


def highest(batch: AnyBatch, name: str) -> Number | None:
    """Return the greatest of all instances of a gauge: of sensors, the hottest."""
    found = (_last(batch, key) for key in batch.metrics if split_key(key)[0] == name)
    return max((each for each in found if each is not None), default=None)


def seconds(batch: AnyBatch) -> int:
    """Return of how many seconds, its own included, the rates of *batch* are.

    A step of more than a few intervals is a gap, of which a mean says little.
    """
    if batch.previous is None:
        return 1
    step_ns = -batch.previous.offset_ns
    interval_ns = max(batch.interval_ns, NS_PER_SECOND)
    is_gap = step_ns > _GAP_INTERVALS * interval_ns
    return 1 if is_gap else max(1, round(step_ns / NS_PER_SECOND))


def _last(batch: AnyBatch, key: str) -> Number | None:
    column = batch.metrics.get(key, ())
    return next((each for each in reversed(column) if each is not None), None)


def _rate(batch: AnyBatch, derived: Derived) -> float | None:
    """Return the mean, from the sample before the batch to its last one.

    A counter that ran backwards was reset: no rate there.
    """
    grown: Number = 0
    taken_ns = 0
    for (before_ns, before), (at_ns, now) in pairwise(_points(batch, derived.source)):
        if now >= before:
            grown += now - before
            taken_ns += at_ns - before_ns
    if taken_ns <= 0:
        return None
    return grown * derived.scale / (taken_ns / NS_PER_SECOND)


def _points(batch: AnyBatch, key: str) -> Iterator[tuple[int, Number]]:
    """Yield time, in ns since the start of the slot, and value of each reading."""
    before = batch.previous
    if before is not None and key in before.counters:
        yield before.offset_ns, before.counters[key]
    column = batch.metrics.get(key, ())
    # A column of one value was read once in the slot, at its last sample.
    offsets = batch.offset_ns if len(column) > 1 else batch.offset_ns[-1:]
    for offset_ns, each in zip(offsets, column, strict=False):
        if each is not None:
            yield offset_ns, each
