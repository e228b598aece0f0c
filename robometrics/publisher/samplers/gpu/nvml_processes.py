"""What each process uses of one NVIDIA GPU.

NVML's lists overlap, and its utilisation samples hold garbage: processes that ended
long ago, values in the billions. What is believed here: a pid that is in a list of
running processes, percentages up to 100, and times after the last one seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from robometrics.publisher.samplers.gpu.nvml_errors import (
    DEVICE_LOST,
    NEVER,
    NOT_FOUND,
    SESSION_LOST,
    SUCCESS,
    code_of,
)
from robometrics.publisher.samplers.gpu.pace import Pace
from robometrics.publisher.samplers.gpu.readings import Value, Values, total
from robometrics.publisher.samplers.gpu.table import Row

MEMORY = "gpu_memory_used_bytes"
UTILIZATIONS = {
    "gpu_utilization_percent": "smUtil",
    "gpu_memory_utilization_percent": "memUtil",
    "gpu_encoder_percent": "encUtil",
    "gpu_decoder_percent": "decUtil",
}
"""Metric to the member of ``nvmlProcessUtilizationSample_t``."""

LISTS = ("Compute", "Graphics", "MPSCompute")
"""``nvmlDeviceGet…RunningProcesses``: a process may be in several of them."""

_NOT_TOLD = "MIG is on, a vGPU, or older than Maxwell"

PROCESS_TABLE = (
    Row(
        MEMORY,
        "nvmlDeviceGet{Compute,Graphics,MPSCompute}RunningProcesses",
        "WSL; the worker is in a container without the host's /proc",
    ),
    *(
        Row(metric, f"nvmlDeviceGetProcessUtilization, {member}", _NOT_TOLD)
        for metric, member in UTILIZATIONS.items()
    ),
)

_PERCENT_MAX = 100
_FIRST_LOOK_US = 1_000_000
_CLOCK_TOLERANCE_US = 60_000_000


class Running(NamedTuple):
    """One entry of a list."""

    pid: int
    used_bytes: int | None
    instance: tuple[int, int]
    """GPU instance and compute instance, with MIG; else two times the same number."""


def memory_by_pid(entries: Iterable[Running]) -> dict[int, Value]:
    """Return the memory of each process, counted once however many lists it is in.

    A process on two MIG instances has memory on both. ``None`` where the driver leaves
    the memory to somebody else, as on Windows' WDDM and so in WSL.
    """
    by_instance: dict[int, dict[tuple[int, int], int | None]] = {}
    for entry in entries:
        of_process = by_instance.setdefault(entry.pid, {})
        known = of_process.get(entry.instance)
        if known is None or entry.used_bytes is None:
            known = known if entry.used_bytes is None else entry.used_bytes
        else:
            known = max(known, entry.used_bytes)
        of_process[entry.instance] = known
    return {pid: total(found.values()) for pid, found in by_instance.items()}


def believed(
    samples: Iterable[Any], running: Mapping[int, Any], since_us: int, now_us: int
) -> dict[int, Any]:
    """Return the newest sample of each running process that is not garbage.

    Args:
        samples: Of type ``nvmlProcessUtilizationSample_t``.
        running: Anything whose keys are the pids in the lists.
        since_us: Time of the newest sample seen before; microseconds since the epoch.
        now_us: The present; a sample from the future is no more credible.
    """
    newest: dict[int, Any] = {}
    for sample in samples:
        is_timely = since_us < sample.timeStamp <= now_us + _CLOCK_TOLERANCE_US
        if not is_timely or sample.pid not in running:
            continue
        if any(getattr(sample, m) > _PERCENT_MAX for m in UTILIZATIONS.values()):
            continue
        if sample.pid in newest and newest[sample.pid].timeStamp >= sample.timeStamp:
            continue
        newest[sample.pid] = sample
    return newest


class NvmlProcesses:
    """The processes on one device."""

    def __init__(
        self, nvml: Any, handle: Any, *, now_us: Callable[[], int] | None = None
    ) -> None:
        self._nvml = nvml
        self._handle = handle
        self._now_us = now_us or (lambda: time.time_ns() // 1_000)
        self._last_seen_us: int | None = None
        self._lists = {kind: Pace(1.0) for kind in LISTS}
        self._version = 3
        self._entries: dict[str, list[Running]] = {}
        self.not_offered: dict[str, str] = {}
        """Metric, or list, to the call that the device does not answer."""

    def read(self, now: float) -> dict[int, Values]:
        """Return the values of each running process, by the driver's pid.

        Raises:
            NVMLError: The device or the whole session is lost.
        """
        for kind, pace in self._lists.items():
            if pace.is_due(now):
                self._list(kind, pace, now)
        entries = [entry for found in self._entries.values() for entry in found]
        memory = memory_by_pid(entries)
        if not memory:
            return {}
        utilization = self._utilization(memory)
        return {pid: {MEMORY: used, **utilization[pid]} for pid, used in memory.items()}

    def ask_again(self) -> None:
        """Forget what was not offered: MIG was turned on or off."""
        self.not_offered.clear()

    def _list(self, kind: str, pace: Pace, now: float) -> None:
        """Read one list, at most as often as its cost allows."""
        if kind in self.not_offered:
            return
        began = time.perf_counter()
        try:
            self._entries[kind] = [_entry(found) for found in self._ask(kind)]
        except self._nvml.NVMLError as exc:
            self._entries.pop(kind, None)
            code = code_of(exc)
            if code in DEVICE_LOST | SESSION_LOST:
                raise
            if code in NEVER:
                self.not_offered[kind] = f"nvmlDeviceGet{kind}RunningProcesses"
        finally:
            pace.took(now, time.perf_counter() - began)

    def _ask(self, kind: str) -> list[Any]:
        name = f"nvmlDeviceGet{kind}RunningProcesses_v"
        found: list[Any]
        try:
            found = getattr(self._nvml, f"{name}{self._version}")(self._handle)
        except self._nvml.NVMLError_FunctionNotFound:
            if self._version == 2:  # noqa: PLR2004  older drivers are not supported
                raise
            self._version = 2  # before driver 510
            found = getattr(self._nvml, f"{name}2")(self._handle)
        return found

    def _utilization(self, running: Mapping[int, Any]) -> dict[int, Values]:
        unknown: Values = dict.fromkeys(UTILIZATIONS)
        if unknown.keys() <= self.not_offered.keys():
            return dict.fromkeys(running, unknown)
        now_us = self._now_us()
        since_us = self._last_seen_us
        if since_us is None or since_us > now_us + _CLOCK_TOLERANCE_US:
            # Without a time the driver gives all it ever buffered, the dead included.
            since_us = now_us - _FIRST_LOOK_US
        try:
            samples = self._nvml.nvmlDeviceGetProcessUtilization(self._handle, since_us)
        except self._nvml.NVMLError as exc:
            code = code_of(exc)
            if code in DEVICE_LOST | SESSION_LOST:
                raise
            if code in NEVER:
                source = "nvmlDeviceGetProcessUtilization"
                self.not_offered |= dict.fromkeys(UTILIZATIONS, source)
            if code not in NOT_FOUND | {SUCCESS}:
                return dict.fromkeys(running, unknown)
            samples = []  # nobody used it
        newest = believed(samples, running, since_us, now_us)
        times = [int(sample.timeStamp) for sample in newest.values()]
        self._last_seen_us = max([since_us, *times])
        return {pid: _percentages(newest.get(pid)) for pid in running}


def _entry(found: Any) -> Running:
    return Running(
        found.pid, found.usedGpuMemory, (found.gpuInstanceId, found.computeInstanceId)
    )


def _percentages(sample: Any) -> Values:
    """Return its values; a process without a sample did nothing."""
    return {
        metric: 0 if sample is None else int(getattr(sample, member))
        for metric, member in UTILIZATIONS.items()
    }
