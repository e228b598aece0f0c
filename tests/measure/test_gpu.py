"""The GPU of a block: read by NVML where there is one, else ``None`` and why."""

from __future__ import annotations

import os
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import poll_until

import robometrics
from robometrics.lib.measure import gpu

GIB = 1 << 30


class FakeNVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"NVML error {self.value}"


class FakeNvml:
    """Stands in for the module pynvml: two GPUs, of which this process uses one."""

    NVMLError = FakeNVMLError
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_NOT_FOUND = 6

    def __init__(self) -> None:
        self.opened = 0
        self.held: dict[int, int | None] = {0: GIB}
        self.millijoules = {0: 5_000, 1: 9_000}
        self.utilization: list[int] | int = [40]
        self.lists_read = 0
        self.fails: dict[str, int] = {}

    def _check(self, name: str) -> None:
        if name in self.fails:
            raise FakeNVMLError(self.fails[name])

    def nvmlInit(self) -> None:  # noqa: N802
        self._check("init")
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        self._check("handle")
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, index: int) -> int:  # noqa: N802
        self._check("energy")
        return self.millijoules[index]

    def nvmlDeviceGetComputeRunningProcesses(self, index: int) -> list[Any]:  # noqa: N802
        self._check("lists")
        self.lists_read += 1
        other = SimpleNamespace(pid=1, usedGpuMemory=7 * GIB)
        if index not in self.held:
            return [other]
        own = SimpleNamespace(pid=os.getpid(), usedGpuMemory=self.held[index])
        return [other, own]

    def nvmlDeviceGetGraphicsRunningProcesses(self, _: int) -> list[Any]:  # noqa: N802
        return []

    def nvmlDeviceGetProcessUtilization(self, index: int, since: int) -> list[Any]:  # noqa: N802
        if isinstance(self.utilization, int):
            raise FakeNVMLError(self.utilization)
        if index != 0:
            raise FakeNVMLError(self.NVML_ERROR_NOT_FOUND)
        stale = SimpleNamespace(pid=os.getpid(), timeStamp=since, smUtil=99)
        other = SimpleNamespace(pid=1, timeStamp=since + 1, smUtil=80)
        own = [
            SimpleNamespace(pid=os.getpid(), timeStamp=since + 1, smUtil=percent)
            for percent in self.utilization
        ]
        return [stale, other, *own]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(gpu, "is_pid_of_host", lambda: True)
    return fake


def test_memory_utilization_and_energy_are_this_process_s(nvml: FakeNvml) -> None:
    with robometrics.measure(gpu=True) as m:
        nvml.held[0] = 3 * GIB
        early = m.so_far()
        nvml.held[0] = 2 * GIB
        nvml.millijoules = {0: 8_500, 1: 99_000}
    assert 3 * GIB == early.gpu_peak_memory_bytes == m.gpu_peak_memory_bytes
    assert 40.0 == pytest.approx(m.gpu_utilization_percent)
    assert 3.5 == m.gpu_energy_joules  # of the other GPU it used nothing
    assert None is m.gpu_unavailable
    assert 0 == nvml.opened
    assert "GPU memory 3.0 GiB, GPU 40 %, GPU energy 4 J" in str(m)


def test_it_is_read_while_the_block_runs(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "READ_SECONDS", 0.001)
    with robometrics.measure(gpu=True) as m:
        nvml.held[0] = 5 * GIB
        seen = nvml.lists_read
        poll_until(lambda: nvml.lists_read > seen + 4)
        nvml.held[0] = GIB
    assert 5 * GIB == m.gpu_peak_memory_bytes
    poll_until(
        lambda: "robometrics-gpu" not in [each.name for each in threading.enumerate()]
    )


def test_a_process_without_gpu_memory_uses_0_bytes_and_0_percent(
    nvml: FakeNvml,
) -> None:
    nvml.held = {}
    nvml.utilization = nvml.NVML_ERROR_NOT_FOUND
    with robometrics.measure(gpu=True) as m:
        pass
    assert (0, 0.0) == (m.gpu_peak_memory_bytes, m.gpu_utilization_percent)
    assert (0, None) == (m.gpu_energy_joules, m.gpu_unavailable)


def test_what_a_gpu_does_not_tell_is_not_known(nvml: FakeNvml) -> None:
    nvml.held = {0: None}  # as under WSL
    nvml.utilization = nvml.NVML_ERROR_NOT_SUPPORTED  # as under MIG
    nvml.fails = {"energy": nvml.NVML_ERROR_NOT_SUPPORTED}
    with robometrics.measure(gpu=True) as m:
        pass
    assert None is m.gpu_peak_memory_bytes is m.gpu_utilization_percent
    assert None is m.gpu_energy_joules
    assert "does not tell" in (m.gpu_unavailable or "")


@pytest.mark.parametrize("part", ["init", "handle"])
def test_a_driver_that_is_away_is_a_reason_and_not_an_error(
    nvml: FakeNvml, part: str
) -> None:
    nvml.fails = {part: 9}
    with robometrics.measure(gpu=True) as m:
        pass
    assert "NVML error 9" == m.gpu_unavailable
    assert None is m.gpu_peak_memory_bytes
    assert m.cpu_time_ns > 0
    assert 0 == nvml.opened


def test_a_driver_lost_on_the_way_leaves_the_rest(nvml: FakeNvml) -> None:
    with robometrics.measure(gpu=True) as m:
        nvml.fails = {"lists": 15, "energy": 15}
        nvml.utilization = 15
    assert GIB == m.gpu_peak_memory_bytes
    assert None is m.gpu_utilization_percent is m.gpu_energy_joules


def test_in_a_container_no_pid_is_taken_for_another_one_s(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "is_pid_of_host", lambda: False)
    with robometrics.measure(gpu=True) as m:
        pass
    assert "container" in (m.gpu_unavailable or "")
    assert None is m.gpu_peak_memory_bytes is m.gpu_utilization_percent


def test_without_the_library_the_reason_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with robometrics.measure(gpu=True) as m:
        pass
    assert "pip install nvidia-ml-py" in (m.gpu_unavailable or "")


def test_who_does_not_ask_pays_nothing(nvml: FakeNvml) -> None:
    with robometrics.measure() as m:
        pass
    assert 0 == nvml.lists_read
    assert None is m.gpu_peak_memory_bytes is m.gpu_unavailable


@pytest.mark.parametrize(
    ("percents", "mean"), [([], 0.0), ([50], 50.0), ([50, 100, 4_294_967], 75.0)]
)
def test_values_no_gpu_can_have_are_dropped(percents: list[int], mean: float) -> None:
    assert mean == gpu.mean_percent(percents)
