"""What is read beside the ticks: the host, its GPUs, and details of processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from robometrics.errors import SkipProcessError
from robometrics.publisher.clock import Clock
from robometrics.publisher.rounds import Round
from robometrics.publisher.samplers.gpu import GpuReader
from robometrics.publisher.samplers.host import HostReader
from robometrics.publisher.series import Value
from robometrics.publisher.surroundings import DeviceReading
from robometrics.publisher.watchlist import Target, Watchlist
from robometrics.schema import NS_PER_SECOND

TREES_PERIOD_NS = NS_PER_SECOND // 10
TREES_CPU_SHARE = 0.02


class Observers:
    """The rounds of one worker, each in a thread of its own."""

    def __init__(self, watchlist: Watchlist, clock: Clock) -> None:
        self._watchlist = watchlist
        host = HostReader()
        self.host: Round[dict[str, Value]] = Round("host", host.read, clock, host.close)
        self._gpu_reader = GpuReader()
        self.gpus: Round[Sequence[DeviceReading]] = Round(
            "gpu", self._read_gpus, clock, self._gpu_reader.close
        )
        self._details: Round[None] = Round("details", self._read_details, clock)
        self._trees: Round[None] = Round("trees", self._scan_trees, clock)
        self._all = (self.host, self.gpus, self._details, self._trees)

    def start(self) -> None:
        for each in self._all:
            each.start()

    def stop(self) -> None:
        """Begin no other round."""
        for each in self._all:
            each.stop()

    def _read_gpus(self) -> Sequence[DeviceReading]:
        """Read all GPUs, and what each process uses of them."""
        of_pid: dict[int, list[Target]] = {}
        for target in self._watchlist:
            of_pid.setdefault(target.registration.pid, []).append(target)
        found = self._gpu_reader.read(of_pid.keys())
        for pid, values in found.processes.items():
            for target in of_pid.get(pid, ()):
                target.extras.update(values)
        return found.devices

    def _read_details(self) -> None:
        """Read what plans ask for beyond the usual, each process on its own."""
        for target in self._watchlist:
            detail = target.detail
            if detail is not None:
                with suppress(SkipProcessError):  # the sampler notices, and says so
                    target.extras.update(detail.read())

    def _scan_trees(self) -> None:
        """Find what has been started, ten times a second as long as that is cheap.

        What a new process used before it was found counts at once. So the later, the
        higher the peak of a rate that was never there.
        """
        trees = [target.tree for target in self._watchlist if target.tree is not None]
        began_ns = time.thread_time_ns()
        for tree in trees:
            tree.scan()
        spent_ns = time.thread_time_ns() - began_ns
        self._trees.period_ns = NS_PER_SECOND
        if trees and spent_ns < TREES_CPU_SHARE * TREES_PERIOD_NS:
            self._trees.period_ns = TREES_PERIOD_NS

    def cpu_time_ns(self) -> dict[str, int]:
        """Return the CPU time of each thread so far, by name."""
        return {each.name: each.cpu_time_ns for each in self._all}

    def read(self) -> dict[str, Value]:
        """Return what the rounds cost, see ``robometrics.metrics.worker``."""
        values: dict[str, Value] = {}
        for each in self._all:
            values[f"worker_round_cpu_time_ns:{each.name}"] = each.cpu_time_ns
            values[f"worker_round_duration_ns:{each.name}"] = each.duration_ns
            values[f"worker_round_failures_total:{each.name}"] = each.failures
        return values
