"""Whole machines, recorded: what each says of itself, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from robometrics.publisher.samplers.host import HostReader, Values
from robometrics.publisher.samplers.host.table import LINUX

from .recorded import CONTAINER, JETSON, LAPTOP, RASPBERRY_PI
from .trees import Recorded

MIB = 1024**2
GIB = 1024**3


def read(machine: Recorded, root: Path) -> Values:
    reader = HostReader(machine.plant(root), LINUX)
    values = reader.read()
    reader.close()
    return values


def of(values: Values, metric: str) -> Values:
    """Return the instances of *metric*."""
    return {
        key.partition(":")[2]: value
        for key, value in values.items()
        if key.startswith(f"{metric}:")
    }


@pytest.fixture
def laptop(tmp_path: Path) -> Values:
    return read(LAPTOP, tmp_path)


def test_cores_are_measured_one_by_one_and_together(laptop: Values) -> None:
    busy_ns = {"0": 10**9, "1": 2 * 10**9, "2": 3 * 10**9, "3": 4 * 10**9}
    assert busy_ns == of(laptop, "cpu_time_ns")
    assert 10 * 10**9 == laptop["cpu_time_ns"]
    assert (6 * 10**9, 4 * 10**9, 28 * 10**7) == (
        laptop["cpu_user_time_ns"],
        laptop["cpu_system_time_ns"],
        laptop["cpu_iowait_time_ns"],
    )
    assert (4, 450, 2, 1) == tuple(
        laptop[f"{name}_count"]
        for name in ("cpu", "thread", "tasks_running", "tasks_blocked")
    )


def test_disks_count_once_what_passes_partitions_and_the_device_mapper(
    laptop: Values,
) -> None:
    reads = {"nvme0n1": 100, "sda": 10}
    assert reads == of(laptop, "disk_reads_total")
    assert 110 == laptop["disk_reads_total"]
    assert 110 * 8 * 512 == laptop["disk_read_bytes_total"]
    assert 100 * 16 * 512 == laptop["disk_write_bytes_total:nvme0n1"]
    assert 100 * 2 * 10**6 == laptop["disk_busy_time_ns:nvme0n1"]
    assert 100 * 3 * 10**6 == laptop["disk_queue_time_ns:nvme0n1"]


def test_virtual_interfaces_are_left_out_where_there_is_hardware(
    laptop: Values,
) -> None:
    received = {"wlp2s0": 5000, "enp0s31f6": 0}
    assert received == of(laptop, "network_received_bytes_total")
    assert 5000 == laptop["network_received_bytes_total"]
    assert 2500 == laptop["network_sent_bytes_total:wlp2s0"]
    assert (2 * (1 + 3), 2 * (2 + 4)) == (
        laptop["network_errors_total"],
        laptop["network_drops_total"],
    )


def test_network_filesystems_are_never_asked(laptop: Values) -> None:
    """The recorded ``statvfs`` knows no other mounts, and would raise."""
    total = {"=2F": 200 * GIB, "=2Fboot=2Fefi": GIB, "=2Fmnt=2Fmy=20data": 1000 * GIB}
    assert total == of(laptop, "filesystem_total_bytes")
    assert 100 * GIB == laptop["filesystem_used_bytes:=2F"]
    assert 90 * GIB == laptop["filesystem_available_bytes:=2F"]
    assert 400 == laptop["filesystem_inodes_free_count:=2F"]


def test_temperatures_have_names_and_each_sensor_counts_once(laptop: Values) -> None:
    assert {
        "acpitz": 52.0,
        "coretemp_Package_id_0": 51.0,
        "coretemp_Core_0": 49.0,
        "nvme_Composite": 38.85,
        "nvme_Composite_2": None,  # absolute zero: an open wire
    } == of(laptop, "temperature_celsius")


def test_a_battery_that_discharges_has_negative_power(laptop: Values) -> None:
    assert {"BAT0": -9.44} == of(laptop, "battery_watts")
    assert {"BAT0": 83} == of(laptop, "battery_percent"), (
        "a mouse's is no battery of it"
    )
    assert 11.8 == laptop["battery_volts:BAT0"]
    assert 0 == laptop["external_power_flag"]


def test_processor_energy_clocks_and_throttling(laptop: Values) -> None:
    assert 5_000 == laptop["cpu_energy_millijoules_total"]
    assert (14 * 10**8, 8 * 10**8, 20 * 10**8, 100.0) == (
        laptop["cpu_frequency_hertz"],
        laptop["cpu_frequency_lowest_hertz"],
        laptop["cpu_frequency_highest_hertz"],
        laptop["cpu_frequency_limit_percent"],
    )
    assert (12, 345 * 10**6) == (
        laptop["cpu_throttles_total"],
        laptop["cpu_throttled_time_ns"],
    ), "all cores of a package tell the same"
    assert {"thinkpad_fan1": 2100} == of(laptop, "fan_rpm")
    assert {"wlp2s0": -52.0} == of(laptop, "wifi_signal_dbm")


def test_memory_pressure_and_the_rest(laptop: Values) -> None:
    expected = {
        "memory_total_bytes": 8_000_000 * 1024,
        "memory_available_bytes": 5_000_000 * 1024,
        "memory_used_bytes": 3_000_000 * 1024,
        "memory_cached_bytes": 1_500_000 * 1024,
        "swap_used_bytes": 400_000 * 1024,
        "swap_in_bytes_total": 3 * 4096,
        "oom_kills_total": 1,
        "major_faults_total": 7,
        "cpu_pressure_time_ns": 2_000_000,
        "memory_pressure_full_time_ns": 1_000_000,
        "io_pressure_time_ns": 2_000_000,
        "load_1m": 0.5,
        "load_15m": 2.0,
        "file_handle_count": 1632,
        "uptime_ns": 3_600_000_000_000,
        "clock_synchronised_flag": 1,
        "clock_error_ns": 4_000,
        "clock_slew_ns": 1_500,
        "clock_frequency_ppb": -12_345.678,
        "context_switches_total": 9000,
        "interrupts_total": 5000,
        "forks_total": 700,
    }
    assert expected == {name: laptop[name] for name in expected}


def test_a_host_has_no_limits_even_if_the_worker_s_own_service_has(
    tmp_path: Path,
) -> None:
    own = "sys/fs/cgroup/system.slice/robometrics.service"
    tree = LAPTOP.tree | {
        "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        f"{own}/cpu.max": "10000 100000\n",
        f"{own}/memory.max": "100000000\n",
    }
    values = read(Recorded(tree, LAPTOP.mounts), tmp_path)
    assert [] == [key for key in values if "limit_" in key and "frequency" not in key]


def test_a_raspberry_pi_tells_of_its_power_supply(tmp_path: Path) -> None:
    values = read(RASPBERRY_PI, tmp_path)
    assert (1, 1) == (values["under_voltage_flag"], values["cpu_throttled_flag"])
    assert {"cpu-thermal": 61.35} == of(values, "temperature_celsius")
    assert {"pwmfan_fan1": 3049} == of(values, "fan_rpm")
    assert {"mmcblk0": 70} == of(values, "disk_reads_total")
    assert {"eth0": 500, "can0": 40_000} == of(values, "network_received_bytes_total")
    assert 32 * GIB == values["filesystem_total_bytes:=2F"]
    assert "battery_percent:BAT0" not in values
    assert "cpu_energy_millijoules_total" not in values


def test_a_jetson_tells_of_rails_alarms_and_lowered_clocks(tmp_path: Path) -> None:
    values = read(JETSON, tmp_path)
    assert {"ina3221_VDD_IN": 9.5, "ina3221_VDD_CPU_GPU_CV": 1.9} == of(
        values, "power_watts"
    )
    assert 7 == values["over_current_events_total"]
    assert {"pwm_tach": 900} == of(values, "fan_rpm")
    assert {"cpu-thermal": 48.5, "gpu-thermal": 47.0} == of(
        values, "temperature_celsius"
    )
    assert 66.7 == values["cpu_frequency_limit_percent"]


def test_a_container_tells_its_tightest_limits(tmp_path: Path) -> None:
    values = read(CONTAINER, tmp_path)
    assert 1.5 == values["cpu_limit_cores"]
    assert 1024 * MIB == values["memory_limit_bytes"]
    assert 500_000_000 == values["memory_limit_used_bytes"]
    assert 250_000 == values["cpu_limit_throttled_time_ns"]
    assert {"eth0": 500} == of(values, "network_received_bytes_total")
    assert {"=2F": 50 * GIB} == of(values, "filesystem_total_bytes")
