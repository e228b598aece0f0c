"""What is read beside the ticks: the host, its GPUs, and details of processes."""

from __future__ import annotations

from collections.abc import Sequence

from robometrics.errors import SkipProcessError
from robometrics.publisher.clock import Clock
from robometrics.publisher.rounds import Round
from robometrics.publisher.samplers.gpu import GpuReader
from robometrics.publisher.samplers.host import HostReader
from robometrics.publisher.series import Value
from robometrics.publisher.surroundings import DeviceReading
from robometrics.publisher.watchlist import Target, Watchlist


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
        self._all = (self.host, self.gpus, self._details)

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
            tree, detail = target.tree, target.detail
            try:
                if tree is not None:
                    tree.scan()
                if detail is not None:
                    target.extras.update(detail.read())
            except SkipProcessError:
                continue  # the sampler notices, and says so

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
