"""CPU use out of batches: a rate for each, and a chart of a whole series."""

from __future__ import annotations

from typing import NamedTuple

from robometrics.metrics import DERIVED
from robometrics.schema import NS_PER_SECOND, AnyBatch

_CPU = DERIVED["cpu_percent"]
_BRIDGED_INTERVALS = 2


class Rate(NamedTuple):
    """How much CPU was used between two times, ns since the Unix epoch."""

    from_ns: int
    to_ns: int
    percent: float
    """100 is one core."""

    is_bridging: bool
    """A gap lies between the two: good for a mean, but not to be drawn."""


def rate(batch: AnyBatch) -> Rate | None:
    """Return the use from the sample before *batch* to its last, if it tells."""
    column = batch.metrics.get(_CPU.source, [])
    offsets = batch.offset_ns if len(column) > 1 else batch.offset_ns[-1:]
    points = [
        (offset, value)
        for offset, value in zip(offsets, column, strict=False)
        if value is not None
    ]
    before = batch.previous
    if before is not None and _CPU.source in before.counters:
        points.insert(0, (before.offset_ns, before.counters[_CPU.source]))
    if len(points) < 2:  # noqa: PLR2004  a rate needs two
        return None
    (first_ns, first), (last_ns, last) = points[0], points[-1]
    if last < first:
        return None
    base = batch.slot * NS_PER_SECOND
    took_ns = last_ns - first_ns
    longest_ns = _BRIDGED_INTERVALS * batch.interval_ns + NS_PER_SECOND
    return Rate(
        base + first_ns,
        base + last_ns,
        (last - first) / took_ns * NS_PER_SECOND * _CPU.scale,
        took_ns > longest_ns,
    )


class Chart:
    """Mean use in each of some equal parts of a time."""

    def __init__(self, from_slot: int, to_slot: int, columns: int) -> None:
        self.mean_percent: float | None = None
        self.max_percent: float | None = None
        self._start_ns = from_slot * NS_PER_SECOND
        span_ns = (to_slot - from_slot + 1) * NS_PER_SECOND
        self._column_ns = -(-span_ns // columns)
        self._covered_ns = [0] * columns
        self._percent_ns = [0.0] * columns
        self._all_covered_ns = 0

    def add(self, found: Rate) -> None:
        took_ns = found.to_ns - found.from_ns
        mean = self.mean_percent or 0.0
        self._all_covered_ns += took_ns
        self.mean_percent = (
            mean + (found.percent - mean) * took_ns / self._all_covered_ns
        )
        if found.is_bridging:
            return
        self.max_percent = max(found.percent, self.max_percent or 0.0)
        at_ns = max(found.from_ns - self._start_ns, 0)
        end_ns = found.to_ns - self._start_ns
        while at_ns < end_ns:
            column = at_ns // self._column_ns
            if column >= len(self._covered_ns):
                return  # taken after the time was looked up
            until_ns = min(end_ns, (column + 1) * self._column_ns)
            self._covered_ns[column] += until_ns - at_ns
            self._percent_ns[column] += found.percent * (until_ns - at_ns)
            at_ns = until_ns

    def values(self) -> list[float | None]:
        """Return the use in each part, ``None`` where nothing is known."""
        return [
            percent_ns / covered_ns if covered_ns else None
            for percent_ns, covered_ns in zip(
                self._percent_ns, self._covered_ns, strict=True
            )
        ]
