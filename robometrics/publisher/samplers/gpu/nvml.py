"""NVIDIA's GPUs through NVML: found, read, lost, and found again."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Collection
from ctypes import CDLL
from pathlib import Path
from typing import Any

from robometrics.publisher.samplers.gpu.host_pids import HostPids
from robometrics.publisher.samplers.gpu.notes import Notes
from robometrics.publisher.samplers.gpu.nvml_device import NvmlDevice
from robometrics.publisher.samplers.gpu.nvml_errors import (
    DEVICE_LOST,
    NO_DRIVER,
    SESSION_LOST,
    code_of,
)
from robometrics.publisher.samplers.gpu.nvml_mig import NvmlMig
from robometrics.publisher.samplers.gpu.nvml_processes import (
    MEMORY,
    UTILIZATIONS,
    NvmlProcesses,
)
from robometrics.publisher.samplers.gpu.readings import Device, Values

LIBRARY = "libnvidia-ml.so.1"
RETRY_SECONDS = 10.0
_RETRY_SECONDS_MAX = 300.0


class NvmlSource:
    """All GPUs that NVML knows."""

    def __init__(
        self,
        notes: Notes,
        root: Path = Path("/"),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notes = notes
        self._pids = HostPids(root)
        self._monotonic = monotonic
        self._nvml: Any = None
        self._is_open = False
        self._is_complete = True
        self._devices: list[_Opened] = []
        self._next_try = float("-inf")
        self._retry_seconds = RETRY_SECONDS

    def read(self, pids: Collection[int], found: list[Device]) -> list[Device]:
        now = self._monotonic()
        if now >= self._next_try and not (self._is_open and self._is_complete):
            self._open(now)
        devices = []
        for opened in tuple(self._devices):
            try:
                devices.append(self._read(opened, pids, now))
            except self._nvml.NVMLError as exc:
                if code_of(exc) in SESSION_LOST:
                    self._lose(exc, now)
                    return found
                if code_of(exc) not in DEVICE_LOST:
                    raise
                self._lose_one(opened, exc, now)
            else:
                self._notes.over(f"lost {opened.uuid}", f"{opened.title} is back")
        if self._is_open and self._is_complete:
            self._retry_seconds = RETRY_SECONDS
        return [*found, *devices]

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._devices = []
            try:
                self._nvml.nvmlShutdown()
            except self._nvml.NVMLError:
                return  # it was lost

    def _open(self, now: float) -> None:
        self.close()
        self._next_try = now + self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2, _RETRY_SECONDS_MAX)
        try:
            if self._nvml is None:
                CDLL(LIBRARY)  # else the bindings' 3 MB are not worth loading
                self._nvml = importlib.import_module("pynvml")
            self._nvml.nvmlInit()
        except Exception as exc:  # the bindings' errors are theirs, if they are there
            level = logging.WARNING
            if isinstance(exc, OSError | ImportError) or code_of(exc) in NO_DRIVER:
                level = logging.INFO
            self._notes.say("absent", f"no GPU of NVIDIA is measured: {exc}", level)
            return
        self._is_open = True
        self._enumerate(now)
        self._notes.over("absent", "NVIDIA's driver is there now")
        self._notes.over("lost", "NVIDIA's driver is back")

    def _enumerate(self, now: float) -> None:
        nvml = self._nvml
        self._is_complete = True
        try:
            for number in range(nvml.nvmlDeviceGetCount()):
                try:
                    handle = nvml.nvmlDeviceGetHandleByIndex(number)
                    self._devices.append(_Opened(nvml, handle))
                except nvml.NVMLError as exc:
                    if code_of(exc) in SESSION_LOST:
                        raise
                    self._is_complete = False
                    text = f"GPU {number} of NVIDIA is not measured: {exc}"
                    self._notes.say(f"number {number}", text, logging.WARNING)
        except nvml.NVMLError as exc:
            self._lose(exc, now)

    def _read(self, opened: _Opened, pids: Collection[int], now: float) -> Device:
        values, processes = opened.read(now)
        if news := opened.news():
            text = f"{opened.title} does not offer, so null: {news}"
            self._notes.say(text, text)
        return Device(
            opened.uuid, opened.model, values, self._of_asked(processes, pids)
        )

    def _of_asked(
        self, processes: dict[int, Values], pids: Collection[int]
    ) -> dict[int, Values]:
        """Return what is known of the asked processes, by their pids here."""
        if processes and not self._pids.can_translate:
            self._notes.say(
                "container",
                "GPU use of processes: null, since the worker is in a container, where "
                "the driver's pids mean nothing; mount the host's /proc at /host/proc",
            )
            unknown: Values = dict.fromkeys((MEMORY, *UTILIZATIONS))
            return {pid: dict(unknown) for pid in pids}
        here = self._pids.translate(processes.keys())
        return {
            here[pid]: values
            for pid, values in processes.items()
            if pid in here and here[pid] in pids
        }

    def _lose_one(self, opened: _Opened, exc: Exception, now: float) -> None:
        self._devices.remove(opened)
        self._is_complete = False
        self._next_try = max(self._next_try, now + self._retry_seconds)
        text = f"{opened.title} is lost, and tried again from time to time: {exc}"
        self._notes.say(f"lost {opened.uuid}", text, logging.WARNING)

    def _lose(self, exc: Exception, now: float) -> None:
        self.close()
        self._next_try = max(self._next_try, now + self._retry_seconds)
        text = (
            "NVIDIA's driver is lost, and tried again from time to time; all else goes "
            f"on: {exc}"
        )
        self._notes.say("lost", text, logging.WARNING)


class _Opened:
    """One device of a session that is open."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self.uuid = _text(nvml.nvmlDeviceGetUUID(handle))
        self.model = _text(nvml.nvmlDeviceGetName(handle))
        self._metrics = NvmlDevice(nvml, handle)
        self._processes = NvmlProcesses(nvml, handle)
        self._mig = NvmlMig(nvml, handle)
        self._told: set[str] = set()

    @property
    def title(self) -> str:
        return f"{self.model} {self.uuid}"

    def read(self, now: float) -> tuple[Values, dict[int, Values]]:
        was_on = self._mig.is_on
        mig = self._mig.read(now)
        if was_on is not None and self._mig.is_on != was_on:
            self._metrics.ask_again()
            self._processes.ask_again()
        return {**self._metrics.read(now), **mig}, self._processes.read(now)

    def news(self) -> str:
        """Return what was found not to be offered since the last time, and by what."""
        by_call: dict[str, list[str]] = {}
        offers = {**self._metrics.not_offered, **self._processes.not_offered}
        for name, call in offers.items():
            if name not in self._told:
                by_call.setdefault(call, []).append(name)
        self._told |= offers.keys()
        return "; ".join(
            f"{', '.join(names)} ({call})" for call, names in by_call.items()
        )


def _text(found: str | bytes) -> str:
    return found if isinstance(found, str) else found.decode(errors="replace")
