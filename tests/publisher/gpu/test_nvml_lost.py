"""A driver that is not there, goes, or loses a GPU: all else goes on, and is told."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robometrics.publisher.samplers.gpu import GpuReader

from .conftest import Clock, Trees
from .stand_in import DRIVER_NOT_LOADED, GPU_IS_LOST, UNINITIALIZED, StandIn

MIB = 1 << 20


def indexes(reader: GpuReader) -> list[int]:
    return [device.index for device in reader.read([]).devices]


def logged(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [r.levelname for r in caplog.records if text in r.message]


def test_without_the_library_there_is_one_quiet_line(
    no_driver: None,
    reader: GpuReader,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(200):
            assert [] == reader.read([1]).devices
            clock.now += 10

    assert ["INFO"] == [r.levelname for r in caplog.records]


def test_a_driver_that_is_loaded_later_is_found(
    driver: StandIn, reader: GpuReader, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    driver.fail_init(DRIVER_NOT_LOADED)
    with caplog.at_level(logging.INFO):
        before = indexes(reader)
        driver.fail_init(0)
        clock.now += 11
        after = indexes(reader)

    assert ([], [0]) == (before, after)
    assert ["INFO"] == logged(caplog, "no GPU of NVIDIA is measured")
    assert ["INFO"] == logged(caplog, "driver is there now")


def test_one_lost_gpu_leaves_the_other_and_comes_back_with_its_number(
    driver: StandIn, reader: GpuReader, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    driver.reset(2)
    seen = []
    with caplog.at_level(logging.INFO):
        for second in range(120):
            lost = 20 <= second < 50
            driver.fail(0, "*", GPU_IS_LOST if lost else 0)
            seen.append(indexes(reader))
            clock.now += 1

    assert [0, 1] == seen[19] == seen[-1]
    assert [[1]] * 30 == seen[20:50]
    assert 1 == len(logged(caplog, "is lost, and tried again"))
    assert 1 == len(logged(caplog, "is back"))


def test_what_a_process_uses_of_a_lost_gpu_is_not_known(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    """Zero would say that it let its memory go; a smaller sum would be as wrong."""
    driver.reset(2)
    driver.process(0, 7, MIB)
    driver.process(1, 7, 2 * MIB)
    memory = "gpu_memory_used_bytes"
    before = reader.read([7]).processes[7]
    driver.fail(0, "*", GPU_IS_LOST)
    clock.now += 1
    after = reader.read([7]).processes[7]

    keys = (memory, f"{memory}:0", f"{memory}:1")
    assert (3 * MIB, MIB, 2 * MIB) == tuple(before[key] for key in keys)
    assert (None, None, 2 * MIB) == tuple(after[key] for key in keys)


def test_a_driver_that_is_unloaded_and_loaded_again_goes_on(
    driver: StandIn, reader: GpuReader, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    with caplog.at_level(logging.INFO):
        for second in range(100):
            if second == 10:
                driver.fail_init(DRIVER_NOT_LOADED)
            if second == 40:
                driver.fail_init(0)
            seen.append(indexes(reader))
            clock.now += 1

    assert [[0]] * 10 == seen[:10]
    assert [[]] * 30 == seen[10:40]
    assert [0] == seen[-1]
    assert ["WARNING"] == logged(caplog, "driver is lost")
    assert 1 == len(logged(caplog, "driver is back"))


def test_a_lost_gpu_that_is_no_longer_counted_does_not_shift_the_others(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    driver.reset(2)
    for device in (0, 1):
        driver.name(device, f"GPU-{device}", "A")
    first = {d.uuid: d.index for d in reader.read([]).devices}
    driver.fail(0, "*", UNINITIALIZED)
    clock.now += 1
    assert [] == indexes(reader)
    driver.reset(1)
    driver.name(0, "GPU-1", "A")
    clock.now += 20
    second = {d.uuid: d.index for d in reader.read([]).devices}

    assert {"GPU-0": 0, "GPU-1": 1} == first
    assert {"GPU-1": 1} == second


def test_a_gpu_that_flaps_is_told_once_a_turn_and_tried_ever_less(
    driver: StandIn, reader: GpuReader, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its handle is given, and every question fails: a GPU that must be reset."""
    reader.read([])
    driver.fail(0, "nvmlDeviceGetUtilizationRates", GPU_IS_LOST)
    with caplog.at_level(logging.INFO):
        for _ in range(3_600):
            clock.now += 1
            assert [] == indexes(reader)

    assert 1 == len(logged(caplog, "is lost, and tried again"))
    assert driver.calls(0, "nvmlDeviceGetHandleByIndex_v2") < 25
    assert driver.calls(0, "nvmlDeviceGetUtilizationRates") < 25


def test_a_jetson_is_still_measured_when_nvml_raises_what_nobody_foresaw(
    driver: StandIn,
    trees: Trees,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trees.write("sys/class/devfreq/17000000.ga10b/device", load=500)
    trees.write("sys/class/devfreq/17000000.ga10b/device/of_node", name="ga10b")
    reader = GpuReader(trees.root, clock)

    def fail(_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("pynvml.nvmlDeviceGetUUID", fail)
    with caplog.at_level(logging.WARNING):
        found = [reader.read([]) for _ in range(3)]

    assert [[50.0]] * 3 == [
        [d.values["gpu_utilization_percent"] for d in each.devices] for each in found
    ]
    assert 1 == len(logged(caplog, "NvmlSource: not measured"))


def test_the_driver_is_found_by_its_name_alone(libraries: dict[str, Path]) -> None:
    """In a program of its own: no other test's patches, the loader's own search."""
    program = (
        "import json; from robometrics.publisher.samplers.gpu import GpuReader\n"
        "r = GpuReader().read([77])\n"
        "print(json.dumps([len(r.devices), r.devices[1].values, r.processes]))"
    )
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(libraries["present"].parent),
        "NVML_STAND_IN_DEVICES": "2",
        "NVML_STAND_IN_PID": "77",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    count, values, processes = json.loads(done.stdout)

    assert 2 == count
    assert 312.5 == values["gpu_power_watts"]
    assert 2 << 30 == processes["77"]["gpu_memory_used_bytes"]
