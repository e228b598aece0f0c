"""What this process uses of NVIDIA GPUs during a block, by NVML.

Lists of processes are read once a second and at both ends, not faster: some drivers
hold a lock for milliseconds meanwhile, and the measured program waits for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

READ_SECONDS = 1.0
INITIAL_PID_NAMESPACE = 0xEFFFFFFC
"""Inode of the host's own pid namespace (PROC_PID_INIT_INO of the kernel)."""

_NOT_TOLD = "this GPU or its driver does not tell"
_NO_PIDS = "in a container the driver's pids are not this process's"


class GpuUse:
    """Follows this process on all GPUs from now until ``end``; never raises."""

    def __init__(self) -> None:
        self._devices: list[_Device] = []
        self._peak_bytes: int | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._nvml, self._reason = open_nvml()
        nvml = self._nvml
        if nvml is None:
            return
        try:
            count = nvml.nvmlDeviceGetCount()
            self._devices = [_Device(nvml, index) for index in range(count)]
        except nvml.NVMLError as exc:
            self._reason = str(exc)
        if not is_pid_of_host():
            self._reason = _NO_PIDS
        self._read()
        if self._devices:
            thread = threading.Thread(
                target=self._run, name="robometrics-gpu", daemon=True
            )
            with suppress(RuntimeError):  # out of threads: both ends must do
                thread.start()

    def look(self) -> dict[str, Any]:
        """Return the fields of ``Measurement`` about the GPU, up to now."""
        self._read()
        if self._reason is not None:
            return {"gpu_unavailable": self._reason}
        with self._lock:
            used = [each for each in self._devices if each.was_used]
            found: dict[str, Any] = {
                "gpu_peak_memory_bytes": self._peak_bytes,
                "gpu_utilization_percent": sum_of(
                    [each.utilization_percent() for each in self._devices]
                ),
                "gpu_energy_joules": None
                if self._peak_bytes is None  # so it is not known which ones it used
                else sum_of([each.energy_joules() for each in used]),
            }
        missing = None in found.values()
        return found | {"gpu_unavailable": _NOT_TOLD if missing else None}

    def end(self) -> dict[str, Any]:
        """Return the same as ``look``, and read no more."""
        self._ended.set()
        found = self.look()
        with self._lock:
            nvml, self._nvml = self._nvml, None
        if nvml is not None:
            _quietly(nvml, nvml.nvmlShutdown)
        return found

    def _run(self) -> None:
        while not self._ended.wait(READ_SECONDS):
            self._read()

    def _read(self) -> None:
        with self._lock:
            if self._nvml is None or self._reason is not None:
                return
            held = sum_of([device.read_memory_bytes() for device in self._devices])
            for device in self._devices:
                device.read_utilization()
            if held is not None:
                self._peak_bytes = max(self._peak_bytes or 0, int(held))


class _Device:
    """One GPU, as far as this process uses it."""

    def __init__(self, nvml: ModuleType, index: int) -> None:
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self._began_us = self._read_us = time.time_ns() // 1_000
        self._busy_percent_us = 0.0
        self._is_utilization_known = True
        self._began_millijoules = self._energy_millijoules()
        self.was_used = False

    def read_memory_bytes(self) -> int | None:
        """Return the memory this process holds here; ``None`` if it is not told."""
        nvml, pid = self._nvml, os.getpid()
        held: int | None = 0
        for name in (
            "nvmlDeviceGetComputeRunningProcesses",
            "nvmlDeviceGetGraphicsRunningProcesses",
        ):
            running = _quietly(nvml, getattr(nvml, name), self._handle)
            if running is None:
                return None
            for each in running:
                if each.pid == pid:
                    self.was_used = True
                    # One context may stand in both lists, with the same memory.
                    held = highest(held, each.usedGpuMemory)
        return held

    def read_utilization(self) -> None:
        """Take the time since the last reading into the mean utilisation."""
        nvml, since_us = self._nvml, self._read_us
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(self._handle, since_us)
        except nvml.NVMLError as exc:
            if exc.value != nvml.NVML_ERROR_NOT_FOUND:
                self._is_utilization_known = False
                return
            samples = []  # nobody ran anything
        pid = os.getpid()
        percents = [
            each.smUtil
            for each in samples
            if each.pid == pid and each.timeStamp > since_us
        ]
        now_us = time.time_ns() // 1_000
        self._busy_percent_us += mean_percent(percents) * (now_us - since_us)
        self._read_us = now_us

    def utilization_percent(self) -> float | None:
        """Return the mean share of time in which this process had kernels running."""
        passed_us = self._read_us - self._began_us
        if not self._is_utilization_known or passed_us <= 0:
            return None
        return self._busy_percent_us / passed_us

    def energy_joules(self) -> float | None:
        """Return what the whole device took since the beginning."""
        now = self._energy_millijoules()
        if now is None or self._began_millijoules is None:
            return None
        return (now - self._began_millijoules) / 1_000

    def _energy_millijoules(self) -> int | None:
        read = self._nvml.nvmlDeviceGetTotalEnergyConsumption
        found = _quietly(self._nvml, read, self._handle)
        return None if found is None else int(found)


def open_nvml() -> tuple[ModuleType | None, str | None]:
    """Return NVML, ready to be asked, or why there is none."""
    try:
        import pynvml  # noqa: PLC0415  only who asks for the GPU pays for it
    except ImportError:
        return None, "nvidia-ml-py is missing: pip install nvidia-ml-py"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as exc:
        return None, str(exc)
    return pynvml, None


def is_pid_of_host() -> bool:
    """Tell whether ``os.getpid()`` is the pid that the driver knows."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino == INITIAL_PID_NAMESPACE  # noqa: PTH116
    except OSError:
        return True  # no Linux, no namespaces


def mean_percent(percents: list[int]) -> float:
    """Return the mean, without the values over 100 that some drivers make up."""
    sane = [each for each in percents if each <= 100]  # noqa: PLR2004
    return sum(sane) / len(sane) if sane else 0.0


def highest(one: int | None, other: int | None) -> int | None:
    """Return the higher of two; ``None`` if one is not known (WSL, MIG, vGPU)."""
    return None if one is None or other is None else max(one, other)


def sum_of(values: list[Any]) -> Any:
    """Return the sum; ``None`` if one part is not known."""
    return None if None in values else sum(values)


def _quietly(nvml: ModuleType, call: Callable[..., Any], *args: Any) -> Any:
    """Return what NVML says, ``None`` if it cannot."""
    try:
        return call(*args)
    except nvml.NVMLError:
        return None
