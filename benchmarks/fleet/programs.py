"""What is measured of a program: its runs, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.fleet.cast import Machine, Program
from benchmarks.fleet.lives import Run, whole_life
from benchmarks.fleet.loads import Floats, Ints
from benchmarks.fleet.stints import Counters, Numbers, times_of
from robometrics.schema import NS_PER_SECOND

MIB = 1 << 20
_PAGE_BYTES = 4_096


class Worked(NamedTuple):
    """What a program did in part of its run."""

    run: Run
    slots: Ints
    values: dict[str, Numbers]
    """By sample or by slot, as ``stints.stint`` takes them."""

    cores: Floats
    """In use, by slot."""

    memory_bytes: Ints
    """Resident, by slot."""


class Running:
    """One program on one machine, from second to second."""

    def __init__(
        self,
        machine: Machine,
        number: int,
        seed: tuple[int, int],
        *,
        born: int,
        present: int,
    ) -> None:
        """Take the program at position *number*; *born* is when the machine booted."""
        self.program: Program = machine.programs[number]
        self._number = number
        self._born = born
        # Some time before the present it is started, each program at its own time.
        self._at = present - 120 - seed[0] * 97 - number * 53
        self._draw = np.random.default_rng((*seed, number))
        self._counters = Counters()
        self._current: Run | None = None

    def runs(self, start: int, stop: int) -> Iterator[Run]:
        """Yield the runs of ``[start, stop)``, and the last one before."""
        life = self.program.life
        if life is None:
            yield whole_life(self._born + 20 + self._number)
        else:
            yield from life.runs(self._at, start, stop)

    def pid(self, run: Run) -> int:
        return 1_200 + (run.number * 131 + self._number * 977) % 30_000

    def run_id(self, run: Run, boot: str) -> str:
        return f"{boot}-{self.pid(run)}-{(run.first - self._born) * 100}"

    def work(self, start: int, stop: int, hz: int) -> Iterator[Worked]:
        """Yield what it does in ``[start, stop)``, run by run."""
        for run in self.runs(start, stop):
            first, last = max(run.first, start), min(run.stop, stop)
            if first < last:
                yield self._work(run, np.arange(first, last), hz)

    def _work(self, run: Run, slots: Ints, hz: int) -> Worked:
        if run != self._current:
            self._counters.forget()
            self._current = run
        program, draw = self.program, self._draw
        cores = program.load(times_of(slots, hz), draw)
        mean = cores.reshape(-1, hz).mean(axis=1)
        memory = self._memory_bytes(run, times_of(slots, hz))
        count = len(slots)
        switches = draw.poisson(40 + 900 * mean)
        values: dict[str, Numbers] = {
            "cpu_time_ns": self._grown("cpu_time_ns", cores * NS_PER_SECOND / hz),
            "memory_rss_bytes": memory,
            "thread_count": program.threads + (draw.random(count) < 0.05),
        }
        by_slot: dict[str, Numbers] = {
            "minor_faults_total": draw.poisson(15 + 120 * mean),
            "major_faults_total": draw.random(count) < 0.002,
            "io_read_bytes_total": self._moved_bytes(program.read_mib, mean),
            "io_write_bytes_total": self._moved_bytes(program.write_mib, mean),
            "context_switches_total": switches,
            "runqueue_wait_time_ns": switches * draw.exponential(9_000, count),
            "children_cpu_time_ns": 10_000_000 * (draw.random(count) < 0.01),
        }
        values |= {key: self._grown(key, steps) for key, steps in by_slot.items()}
        if program.gpus:
            values |= self._on_cards(mean)
        return Worked(run, slots, values, mean, memory.reshape(-1, hz)[:, -1])

    def _grown(self, key: str, steps: Numbers) -> Ints:
        return self._counters.grown(key, steps)

    def _memory_bytes(self, run: Run, times: Floats) -> Ints:
        """Return what it has: it fills up within half a minute; some leak then."""
        program, age = self.program, times - run.first
        hours = age % 86_400 / 3_600  # somebody starts what leaks anew each day
        mib = program.memory_mib * (1 - 0.7 * np.exp(-age / 8))
        mib += program.leak_mib_per_hour * hours
        mib += program.memory_mib * 0.01 * self._draw.normal(0, 1, len(times))
        pages: Ints = (np.maximum(mib, 4) * (MIB / _PAGE_BYTES)).astype(np.int64)
        return pages * _PAGE_BYTES

    def _moved_bytes(self, mib: float, cores: Floats) -> Ints:
        """Return what it reads or writes each second, in pieces."""
        pieces = self._draw.poisson(mib * cores * 16)
        found: Ints = pieces * (MIB // 16)
        return found

    def _on_cards(self, cores: Floats) -> dict[str, Numbers]:
        """Return its part of each GPU, and the sum of them all."""
        gpus = self.program.gpus
        values: dict[str, Numbers] = {}
        busy = (100 * cores / (1 + cores)).astype(np.int64)
        memory = np.full(len(cores), int(self.program.memory_mib * 0.6) * MIB)
        for index in gpus:
            values[f"gpu_utilization_percent:{index}"] = busy
            values[f"gpu_memory_used_bytes:{index}"] = memory // len(gpus)
        values["gpu_utilization_percent"] = busy
        values["gpu_memory_used_bytes"] = memory // len(gpus) * len(gpus)
        return values
