"""A GPU cut up by MIG: its parts are shown, what is not told of it is null."""

from __future__ import annotations

import pytest

from robometrics.publisher.samplers.gpu import GpuReader

from .conftest import Clock
from .stand_in import NOT_SUPPORTED, StandIn

GIB = 1 << 30
UTILIZATION = "nvmlDeviceGetUtilizationRates"


@pytest.fixture
def cut(driver: StandIn) -> StandIn:
    """One GPU with two instances."""
    driver.reset(1)
    driver.set(0, mig=1, instances_max=7)
    driver.fail(0, UTILIZATION, NOT_SUPPORTED)
    driver.fail(0, "nvmlDeviceGetProcessUtilization", NOT_SUPPORTED)
    for place, device in ((0, 10), (4, 11)):
        driver.set(
            device,
            total=20 * GIB,
            used=place * GIB,
            gi=device,
            ci=0,
            sm_count=28,
        )
        driver.instance(0, place, device)
    return driver


def test_instances_are_parts_of_their_gpu(cut: StandIn, reader: GpuReader) -> None:
    [device] = reader.read([]).devices
    values = device.values

    assert (1, 2) == (values["gpu_mig_flag"], values["gpu_mig_instance_count"])
    assert (0, 4 * GIB) == tuple(
        values[f"gpu_memory_used_bytes:gi{i}-ci0"] for i in (10, 11)
    )
    assert 20 * GIB == values["gpu_memory_total_bytes:gi10-ci0"]
    assert 28 == values["gpu_sm_count:gi11-ci0"]
    assert values["gpu_utilization_percent"] is None
    assert 3 * GIB == values["gpu_memory_used_bytes"]


def test_a_process_on_instances_has_memory_and_no_utilisation(
    cut: StandIn, reader: GpuReader
) -> None:
    for instance in (10, 11):
        cut.process(0, 7, GIB, instance=(instance, 0))

    found = reader.read([7]).processes[7]

    assert 2 * GIB == found["gpu_memory_used_bytes"]
    assert found["gpu_utilization_percent"] is None


def test_what_was_not_offered_is_asked_again_when_mig_is_turned_off(
    cut: StandIn, reader: GpuReader, clock: Clock
) -> None:
    found = []
    for second in range(30):
        if second == 5:
            cut.set(0, mig=0)
            cut.fail(0, UTILIZATION, 0)
        [device] = reader.read([]).devices
        found.append(device.values["gpu_utilization_percent"])
        clock.now += 1

    assert [None] * 10 == found[:10]
    assert 42 == found[-1]
    assert 30 - 10 >= cut.calls(0, UTILIZATION) - 1


def test_a_layout_that_changes_meanwhile_is_null_once(
    cut: StandIn, reader: GpuReader, clock: Clock
) -> None:
    cut.fail(10, "nvmlDeviceGetMemoryInfo", 6)
    [device] = reader.read([]).devices
    cut.fail(10, "nvmlDeviceGetMemoryInfo", 0)
    clock.now += 10
    [again] = reader.read([]).devices

    assert device.values["gpu_mig_flag"] is None
    assert 312.5 == device.values["gpu_power_watts"]
    assert 1 == again.values["gpu_mig_flag"]


def test_a_product_without_mig_says_null(driver: StandIn, reader: GpuReader) -> None:
    driver.fail(0, "nvmlDeviceGetMigMode", NOT_SUPPORTED)

    [device] = reader.read([]).devices

    assert device.values["gpu_mig_flag"] is None
