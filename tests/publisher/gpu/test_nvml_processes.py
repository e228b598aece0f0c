"""Processes on NVIDIA's GPUs: nothing counted twice, garbage believed by nobody."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.samplers.gpu import GpuReader
from robometrics.publisher.samplers.gpu.nvml_processes import (
    Running,
    believed,
    memory_by_pid,
)

from .conftest import Clock
from .stand_in import (
    COMPUTE,
    GRAPHICS,
    MPS,
    NOT_AVAILABLE,
    NOT_FOUND,
    NOT_SUPPORTED,
    StandIn,
)

MIB = 1 << 20
NONE = (-1, -1)
IDLE = {
    "gpu_utilization_percent": 0,
    "gpu_memory_utilization_percent": 0,
    "gpu_encoder_percent": 0,
    "gpu_decoder_percent": 0,
}


def now_us() -> int:
    return time.time_ns() // 1_000


def sample(pid: int, at_us: int, sm: int, **others: int) -> Any:
    values = {"memUtil": 0, "encUtil": 0, "decUtil": 0} | others
    return SimpleNamespace(pid=pid, timeStamp=at_us, smUtil=sm, **values)


def test_a_process_in_two_lists_is_counted_once() -> None:
    entries = [Running(7, 100, NONE), Running(7, 100, NONE), Running(8, 5, NONE)]

    assert {7: 100, 8: 5} == memory_by_pid(entries)


def test_a_process_on_two_mig_instances_has_the_memory_of_both() -> None:
    entries = [Running(7, 100, (1, 0)), Running(7, 30, (2, 0))]

    assert {7: 130} == memory_by_pid(entries)


def test_memory_unknown_in_one_list_is_that_of_the_other() -> None:
    assert {7: 100} == memory_by_pid([Running(7, None, NONE), Running(7, 100, NONE)])
    assert {7: 100} == memory_by_pid([Running(7, 100, NONE), Running(7, None, NONE)])


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    assert {7: None} == memory_by_pid([Running(7, 9, (1, 0)), Running(7, None, (2, 0))])


def test_the_newest_credible_sample_of_a_running_process_is_believed() -> None:
    samples = [
        sample(7, 1_500, 30),
        sample(7, 1_900, 40),
        sample(7, 1_700, 50),
        sample(7, 1_950, 2_147_483_632),
        sample(7, 1_990, 10, encUtil=101),
        sample(7, 999, 60),  # seen before
        sample(7, 2_000 + 61_000_000, 70),  # not yet
        sample(9, 1_900, 80),  # ended long ago
    ]

    found = believed(samples, {7: None, 8: None}, since_us=1_000, now_us=2_000)

    assert {7: 40} == {pid: each.smUtil for pid, each in found.items()}


NUMBERS = st.one_of(st.integers(0, 120), st.integers(0, 2**32 - 1))


@given(
    st.lists(
        st.builds(
            sample,
            st.integers(1, 4),
            st.integers(0, 2**64 - 1) | st.integers(0, 200),
            NUMBERS,
            memUtil=NUMBERS,
            encUtil=NUMBERS,
            decUtil=NUMBERS,
        )
    )
)
def test_whatever_the_driver_says_what_is_believed_is_possible(
    samples: list[Any],
) -> None:
    found = believed(samples, {1: None, 2: None}, since_us=50, now_us=100)

    assert found.keys() <= {1, 2}
    for each in found.values():
        assert 50 < each.timeStamp <= 60_000_100
        percentages = (each.smUtil, each.memUtil, each.encUtil, each.decUtil)
        assert max(percentages) <= 100


def test_lists_are_joined_and_idle_processes_are_zero(
    driver: StandIn, reader: GpuReader
) -> None:
    for kind in (COMPUTE, GRAPHICS, MPS):
        driver.process(0, 7, 300 * MIB, kind=kind)
    driver.process(0, 8, 10 * MIB, kind=GRAPHICS)
    driver.process(0, 9, 1, kind=MPS)
    driver.sample(0, 7, now_us(), 55, 20, 1, 2)

    found = reader.read([7, 8, 4_000]).processes

    assert {
        7: {
            "gpu_memory_used_bytes": 300 * MIB,
            "gpu_utilization_percent": 55,
            "gpu_memory_utilization_percent": 20,
            "gpu_encoder_percent": 1,
            "gpu_decoder_percent": 2,
        },
        8: {"gpu_memory_used_bytes": 10 * MIB, **IDLE},
    } == found


def test_a_hundred_samples_of_two_processes_are_two(
    driver: StandIn, reader: GpuReader
) -> None:
    """As drivers do that were asked without a time: most of it is garbage."""
    at_us = now_us()
    for pid in (7, 8):
        driver.process(0, pid, MIB)
        driver.sample(0, pid, at_us, pid)
    for number in range(98):
        driver.sample(0, 10_000 + number, at_us, 2_147_483_632)
        if number < 30:
            driver.sample(0, 7, at_us + number, 2_147_483_632)

    found = reader.read([7, 8, *range(10_000, 10_098)]).processes

    use = {pid: values["gpu_utilization_percent"] for pid, values in found.items()}
    assert {7: 7, 8: 8} == use


def test_the_driver_is_asked_from_the_last_seen_sample_on(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    driver.process(0, 7, MIB)
    began_us = now_us()
    at_us = began_us + 5
    driver.sample(0, 7, at_us, 50)
    driver.sample(0, 7, 2**63, 60)  # believing it would silence the GPU for ever

    first = reader.read([7]).processes[7]["gpu_utilization_percent"]
    since_us = driver.since_us(0)
    clock.now += 1
    second = reader.read([7]).processes[7]["gpu_utilization_percent"]

    assert (50, 0) == (first, second)
    assert began_us - 1_000_000 <= since_us <= began_us + 30_000_000
    assert at_us == driver.since_us(0)


def test_not_found_means_that_nobody_used_it(
    driver: StandIn, reader: GpuReader
) -> None:
    driver.process(0, 7, MIB)
    driver.fail(0, "nvmlDeviceGetProcessUtilization", NOT_FOUND)

    found = reader.read([7]).processes

    assert {7: {"gpu_memory_used_bytes": MIB, **IDLE}} == found


def test_not_supported_is_null_and_not_asked_again(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    driver.process(0, 7, MIB)
    driver.fail(0, "nvmlDeviceGetProcessUtilization", NOT_SUPPORTED)
    for _ in range(3):
        found = reader.read([7]).processes
        clock.now += 1

    assert {7: {"gpu_memory_used_bytes": MIB, **dict.fromkeys(IDLE)}} == found
    assert 1 == driver.calls(0, "nvmlDeviceGetProcessUtilization")


def test_memory_that_windows_manages_is_null(
    driver: StandIn, reader: GpuReader
) -> None:
    driver.process(0, 7, NOT_AVAILABLE)

    assert reader.read([7]).processes[7]["gpu_memory_used_bytes"] is None


def test_a_list_that_is_not_offered_leaves_the_others(
    driver: StandIn, reader: GpuReader
) -> None:
    driver.process(0, 7, MIB)
    driver.fail(0, "nvmlDeviceGetGraphicsRunningProcesses", NOT_SUPPORTED)

    assert MIB == reader.read([7]).processes[7]["gpu_memory_used_bytes"]


def test_a_slow_list_is_asked_rarely_and_kept_meanwhile(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    """The driver holds a lock meanwhile, which the measured programs wait for."""
    driver.process(0, 7, MIB)
    driver.process(0, 8, MIB, kind=GRAPHICS)
    driver.delay("nvmlDeviceGetGraphicsRunningProcesses", 0.05)
    for _ in range(10):
        found = reader.read([7, 8]).processes
        assert {7, 8} == found.keys()
        clock.now += 1

    # With processes in it a list takes two calls: one for its length.
    assert 2 == driver.calls(0, "nvmlDeviceGetGraphicsRunningProcesses")
    assert driver.calls(0, "nvmlDeviceGetMPSComputeRunningProcesses") >= 2


def test_a_process_on_two_gpus_is_summed_and_shown_by_gpu(
    driver: StandIn, reader: GpuReader
) -> None:
    driver.reset(2)
    for device in (0, 1):
        driver.process(device, 7, (device + 1) * MIB)
        driver.sample(device, 7, now_us(), 60 + device)

    found = reader.read([7]).processes[7]

    assert (3 * MIB, MIB, 2 * MIB) == tuple(
        found[f"gpu_memory_used_bytes{i}"] for i in ("", ":0", ":1")
    )
    assert (121, 60, 61) == tuple(
        found[f"gpu_utilization_percent{i}"] for i in ("", ":0", ":1")
    )


def test_a_process_that_left_the_gpu_has_nothing_on_it(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    driver.process(0, 7, MIB)
    reader.read([7])
    driver.clear_processes(0)
    clock.now += 1

    assert {7: {"gpu_memory_used_bytes": 0, **IDLE}} == reader.read([7]).processes
    assert {} == reader.read([8]).processes
    assert {} == reader.read([7]).processes  # it was forgotten with its registration


@pytest.mark.parametrize("pids", [[], [8]])
def test_other_processes_are_nobodys_business(
    driver: StandIn, reader: GpuReader, pids: list[int]
) -> None:
    driver.process(0, 7, MIB)

    assert {} == reader.read(pids).processes
