"""Days of samples of a fleet, the same in every run.

Made with numpy, an hour of a process at a time, as columns; ``storage`` loads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robometrics.metrics import describe
from robometrics.schema import NS_PER_SECOND, Previous, ProcessBatch

HOST = "history"
FIRST_SLOT = 1_789_992_000  # a whole hour, and a whole day
HOUR_SECONDS = 3_600
_RUN = "ab12cd34ef56"

Column = NDArray[np.int64]

_Steps = Callable[[np.random.Generator, int], NDArray[Any]]
# Twelve metrics of the catalogue: first value, and how it moves in each second.
_GROWTH: dict[str, tuple[int, _Steps]] = {
    "cpu_time_ns": (5_000_000_000, lambda g, n: g.gamma(2.0, 60_000_000, n)),
    "minor_faults_total": (70_000, lambda g, n: g.poisson(12, n)),
    "major_faults_total": (40, lambda g, n: g.random(n) < 0.01),
    "io_read_bytes_total": (10_000_000, lambda g, n: 4_096 * g.poisson(0.5, n)),
    "io_write_bytes_total": (20_000_000, lambda g, n: 4_096 * g.poisson(2, n)),
    "context_switches_total": (90_000, lambda g, n: g.poisson(40, n)),
    "runqueue_wait_time_ns": (7_000_000, lambda g, n: g.exponential(90_000, n)),
    "children_cpu_time_ns": (0, lambda g, n: 10_000_000 * (g.random(n) < 0.02)),
    "memory_rss_bytes": (900_000_000, lambda g, n: 4_096 * g.integers(-9, 10, n)),
    "gpu_memory_used_bytes": (
        1_500_000_000,
        lambda g, n: (g.random(n) < 0.01) * g.choice([-2_097_152, 2_097_152], n),
    ),
    "gpu_utilization_percent": (40, lambda g, n: g.choice([-1, 0, 0, 0, 1], n)),
    "thread_count": (12, lambda g, n: (g.random(n) < 0.01) * g.choice([-1, 1], n)),
}
_COUNTERS = frozenset(key for key in _GROWTH if describe(key).kind == "counter")


class Hour(NamedTuple):
    """One process over one hour, at 1 Hz."""

    process: str
    pid: int
    run: str
    slot: int
    """The first one; each slot has one sample."""

    offset_ns: Column
    """Within its slot."""

    metrics: dict[str, Column]
    before: dict[str, int]
    """The counters at the sample before."""

    before_offset_ns: int
    """When that was, relative to ``slot``; negative."""

    def batches(self) -> Iterator[ProcessBatch]:
        """Yield what a worker would have sent, slot by slot."""
        columns = {key: column.tolist() for key, column in self.metrics.items()}
        before, before_offset_ns = self.before, self.before_offset_ns
        for index, offset_ns in enumerate(self.offset_ns.tolist()):
            yield ProcessBatch(
                host=HOST,
                process=self.process,
                pid=self.pid,
                run=self.run,
                slot=self.slot + index,
                interval_ns=NS_PER_SECOND,
                offset_ns=[offset_ns],
                metrics={key: [column[index]] for key, column in columns.items()},
                previous=Previous(offset_ns=before_offset_ns, counters=before),
            )
            before = {key: columns[key][index] for key in self.before}
            before_offset_ns = offset_ns - NS_PER_SECOND


class History:
    """The processes of one host, which go on from hour to hour."""

    def __init__(self, numbers: Sequence[int], first_slot: int = FIRST_SLOT) -> None:
        """Begin with *first_slot*; each of *numbers* is a process, whoever else is."""
        self.names = [f"node_{number}" for number in numbers]
        self._pids = [1_000 + number for number in numbers]
        self.slot = first_slot
        """Of the next hour."""

        self._generators = [np.random.default_rng(number) for number in numbers]
        self._values = [
            {key: first for key, (first, _) in _GROWTH.items()} for _ in self.names
        ]
        self._last_offset_ns = [0] * len(numbers)

    def next_hour(self) -> Iterator[Hour]:
        """Yield the next hour of each process."""
        for number, name in enumerate(self.names):
            generator = self._generators[number]
            values = self._values[number]
            before, before_offset_ns = dict(values), self._last_offset_ns[number]
            columns = {}
            for key, (_, step) in _GROWTH.items():
                steps = step(generator, HOUR_SECONDS).astype(np.int64)
                column = np.cumsum(steps) + values[key]
                if key not in _COUNTERS:
                    column = _reflected(column, 2 * _GROWTH[key][0])
                columns[key] = column
                values[key] = int(columns[key][-1])
            offsets = generator.integers(0, 2_000_000, HOUR_SECONDS)
            self._last_offset_ns[number] = int(offsets[-1])
            yield Hour(
                process=name,
                pid=self._pids[number],
                run=f"{_RUN}-{self._pids[number]}-777",
                slot=self.slot,
                offset_ns=offsets,
                metrics=columns,
                before={key: before[key] for key in _COUNTERS},
                before_offset_ns=before_offset_ns - NS_PER_SECOND,
            )
        self.slot += HOUR_SECONDS


def _reflected(column: Column, limit: int) -> Column:
    """Return a walk that turns back at 0 and at *limit*."""
    return limit - np.abs(column % (2 * limit) - limit)
