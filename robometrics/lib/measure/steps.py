"""The cost of what runs in steps, such as a generator: the sum of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robometrics.lib.measure.measurement import FIELDS, Measurement
from robometrics.lib.measure.measuring import Measuring

_FIRST = ("name", "began_at_ns", "memory_begin_bytes")
_LAST = ("memory_end_bytes", "gpu_unavailable")
_HIGHEST = ("peak_memory_bytes", "gpu_peak_memory_bytes")


class Steps:
    """Measures each ``with`` block it is used for, and adds them up."""

    def __init__(self, begin: Callable[[], Measuring]) -> None:
        self._begin = begin
        self._block: Measuring | None = None
        self.total: Measurement | None = None
        """``None`` before the first block is over."""

    def __enter__(self) -> None:
        self._block = self._begin().__enter__()

    def __exit__(self, *raised: object) -> None:
        if (block := self._block) is not None:
            block.__exit__(*raised)
            self.total = joined(self.total, block) if self.total else block


def joined(first: Measurement, second: Measurement) -> Measurement:
    """Return what two blocks, one after the other, cost together.

    Counters add up, of peaks the higher one counts; what is not known of one of them
    is not known of both.
    """
    values: dict[str, Any] = {}
    for name in FIELDS:
        one, other = getattr(first, name), getattr(second, name)
        if name in _FIRST:
            values[name] = one
        elif name in _LAST:
            values[name] = other
        elif name == "peak_memory_method":
            values[name] = one if one == other else "sampled"
        elif name == "gpu_utilization_percent":
            values[name] = _mean(first, second)
        elif one is None or other is None:
            values[name] = None
        else:
            values[name] = max(one, other) if name in _HIGHEST else one + other
    return Measurement(**values)


def _mean(first: Measurement, second: Measurement) -> float | None:
    """Return the mean utilisation, by the time each block took."""
    one, other = first.gpu_utilization_percent, second.gpu_utilization_percent
    wall_time_ns = first.wall_time_ns + second.wall_time_ns
    if one is None or other is None or not wall_time_ns:
        return None
    return (one * first.wall_time_ns + other * second.wall_time_ns) / wall_time_ns
