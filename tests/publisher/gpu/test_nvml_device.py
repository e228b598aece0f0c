"""A GPU of NVIDIA in our units, and what it does not offer: nothing, and not zero."""

from __future__ import annotations

import logging

import pytest

from robometrics.metrics import METRICS, split_key
from robometrics.publisher.samplers.gpu import GpuReader

from .conftest import Clock
from .stand_in import GPU_IS_LOST, NOT_SUPPORTED, UNKNOWN, StandIn

PCIE_SENT = 197
NVLINK_SENT = 138

EVERYTHING = {
    "gpu_utilization_percent": 42,
    "gpu_memory_utilization_percent": 17,
    "gpu_memory_used_bytes": 3 << 30,
    "gpu_memory_total_bytes": 80 << 30,
    "gpu_memory_reserved_bytes": 512 << 20,
    "gpu_power_watts": 312.5,
    "gpu_power_limit_watts": 700.0,
    "gpu_energy_millijoules_total": 123_456_789,
    "gpu_temperature_celsius": 61,
    "gpu_memory_temperature_celsius": 70,
    "gpu_clock_hertz": 1_980_000_000,
    "gpu_memory_clock_hertz": 2_619_000_000,
    "gpu_throttled_power_cap_flag": 1,
    "gpu_throttled_hardware_flag": 0,
    "gpu_throttled_thermal_flag": 0,
    "gpu_throttled_power_brake_flag": 0,
    "gpu_performance_state_level": 0,
    "gpu_fan_percent": 30,
    "gpu_encoder_percent": 5,
    "gpu_decoder_percent": 6,
    "gpu_ecc_corrected_errors_total": 3,
    "gpu_ecc_uncorrected_errors_total": 0,
    "gpu_pcie_generation_level": 5,
    "gpu_pcie_lane_count": 16,
    "gpu_pcie_replays_total": 1,
    "gpu_pcie_sent_bytes_total": 5_000_000,
    "gpu_pcie_received_bytes_total": 6_000_000,
    "gpu_nvlink_sent_bytes_total": 10 << 10,
    "gpu_nvlink_received_bytes_total": 20 << 10,
    "gpu_retired_pages_corrected_count": 0,
    "gpu_retired_pages_uncorrected_count": 1,
    "gpu_remapped_rows_corrected_count": 2,
    "gpu_remapped_rows_uncorrected_count": 1,
    "gpu_remap_pending_flag": 1,
    "gpu_remap_failed_flag": 0,
    "gpu_mig_flag": 0,
}


def test_everything_comes_in_the_units_of_the_names(
    driver: StandIn, reader: GpuReader
) -> None:
    [device] = reader.read([]).devices

    assert EVERYTHING == device.values
    assert (0, "GPU-00000000", "Stand-in 0") == (
        device.index,
        device.uuid,
        device.model,
    )
    assert {split_key(key)[0] for key in device.values} <= METRICS.keys()


@pytest.mark.parametrize(
    ("bits", "flag"),
    [
        (0x08, "gpu_throttled_hardware_flag"),
        (0x20, "gpu_throttled_thermal_flag"),
        (0x40, "gpu_throttled_thermal_flag"),
        (0x80, "gpu_throttled_power_brake_flag"),
    ],
)
def test_each_reason_to_be_slow_has_its_flag(
    driver: StandIn, reader: GpuReader, bits: int, flag: str
) -> None:
    driver.set(0, reasons=bits | 0x01 | 0x02)  # idle, and clocks that the user set

    [device] = reader.read([]).devices

    raised = {
        name for name, value in device.values.items() if "throttled" in name and value
    }
    assert {flag} == raised


def test_a_gpu_that_offers_nothing_is_null_all_over_and_not_asked_again(
    driver: StandIn,
    reader: GpuReader,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As NVML on a Jetson: there, and of no use. Zero would be a measurement."""
    driver.reset(1, usual=False)
    calls = {}
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            [device] = reader.read([]).devices
            calls[clock.now] = driver.calls(0, "nvmlDeviceGetFanSpeed")
            clock.now += 61

    assert dict.fromkeys(EVERYTHING) == device.values
    assert [1, 1, 1] == list(calls.values())
    assert 1 == driver.calls(0, "nvmlDeviceGetFieldValues")
    told = [r.message for r in caplog.records if "does not offer" in r.message]
    assert 1 == len(told)
    assert "gpu_fan_percent (nvmlDeviceGetFanSpeed)" in told[0]


def test_a_call_that_fails_once_is_null_once(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    found = []
    for error in (0, UNKNOWN, 0):
        driver.fail(0, "nvmlDeviceGetPowerUsage", error)
        [device] = reader.read([]).devices
        found.append(device.values["gpu_power_watts"])
        assert 61 == device.values["gpu_temperature_celsius"]
        clock.now += 1

    assert [312.5, None, 312.5] == found


@pytest.mark.parametrize(
    ("state", "metric", "expected"),
    [
        ({"state": 32}, "gpu_performance_state_level", None),
        ({"state": 8}, "gpu_performance_state_level", 8),
        ({"gpu": 2_147_483_632}, "gpu_utilization_percent", None),
        ({"gpu": 100}, "gpu_utilization_percent", 100),
        ({"encoder": 101}, "gpu_encoder_percent", None),
    ],
)
def test_what_cannot_be_is_null(
    driver: StandIn,
    reader: GpuReader,
    state: dict[str, int],
    metric: str,
    expected: int | None,
) -> None:
    driver.set(0, **state)

    [device] = reader.read([]).devices

    assert expected == device.values[metric]


def test_a_pcie_counter_goes_on_where_its_32_bits_wrap(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    found = []
    for raw in (2**32 - 100, 50, 60, 2**32 - 1, 0):
        driver.field(0, PCIE_SENT, raw, kind=1)
        [device] = reader.read([]).devices
        found.append(device.values["gpu_pcie_sent_bytes_total"])
        clock.now += 1

    wrap = 2**32
    assert [wrap - 100, wrap + 50, wrap + 60, 2 * wrap - 1, 2 * wrap] == found


def test_a_field_that_is_not_offered_leaves_the_others(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    driver.reset(1, usual=False)
    driver.field(0, NVLINK_SENT, 7, scope=2**32 - 1)
    for _ in range(2):
        [device] = reader.read([]).devices
        clock.now += 1

    assert 7 << 10 == device.values["gpu_nvlink_sent_bytes_total"]
    assert device.values["gpu_pcie_sent_bytes_total"] is None


def test_what_hardly_changes_is_asked_once_a_minute(
    driver: StandIn, reader: GpuReader, clock: Clock
) -> None:
    seen = []
    for _ in range(61):
        [device] = reader.read([]).devices
        seen.append("gpu_remap_pending_flag" in device.values)
        clock.now += 1

    assert [True, *[False] * 59, True] == seen
    assert 61 == driver.calls(0, "nvmlDeviceGetPowerUsage")


def test_a_driver_before_510_gives_what_it_has(
    old_driver: StandIn, reader: GpuReader
) -> None:
    old_driver.process(0, 77, 1 << 20)

    found = reader.read([77])

    used = found.devices[0].values["gpu_memory_used_bytes"]
    assert (3 << 30) + (512 << 20) == used
    assert found.devices[0].values["gpu_memory_reserved_bytes"] is None
    assert 1 == found.devices[0].values["gpu_throttled_power_cap_flag"]
    assert 1 << 20 == found.processes[77]["gpu_memory_used_bytes"]


@pytest.mark.parametrize("error", [NOT_SUPPORTED, GPU_IS_LOST, UNKNOWN])
def test_no_error_of_the_driver_reaches_the_caller(
    driver: StandIn, reader: GpuReader, error: int
) -> None:
    driver.fail(0, "*", error)

    found = reader.read([1])

    assert {} == found.processes
    assert all(set(d.values.values()) == {None} for d in found.devices)
