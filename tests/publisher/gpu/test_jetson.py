"""Jetsons: the layouts of JetPack 4 and 6, and Thor's half an NVML."""

from __future__ import annotations

import logging

import pytest

from robometrics.publisher.samplers.gpu import GpuReader
from robometrics.publisher.samplers.gpu.jetson import per_mille
from robometrics.publisher.samplers.gpu.jetson_power import metric_of
from robometrics.publisher.samplers.gpu.nvmap import parse_clients

from .conftest import Clock, Trees
from .stand_in import StandIn

CLIENTS = """\
CLIENT                        PROCESS      PID        SIZE
user               Isaac Sim main     4711     524288K
user                      python3     4712       1024K
user                      python3     4712          4K
kernel                    swapper        1          8K
total                                         525324K
"""
MAPS = """\
CLIENT                        PROCESS      PID        SIZE
user                      python3     4712       1024K
                  BASE       SIZE    FLAGS     REFS    DUPES   PINS     UID
              80000000      1024K        0        1        1      1     17
total                                           1024K
"""


@pytest.fixture
def nano(trees: Trees) -> Trees:
    """JetPack 4: GM20B, power by iio."""
    gpu = "sys/devices/57000000.gpu"
    trees.write(gpu, load=370)
    trees.write(f"{gpu}/of_node", name="gpu\0")
    trees.write(f"{gpu}/devfreq/57000000.gpu", cur_freq=921_600_000)
    trees.link(f"{gpu}/devfreq/57000000.gpu/device", "../..")
    trees.link(
        "sys/class/devfreq/57000000.gpu",
        "../../devices/57000000.gpu/devfreq/57000000.gpu",
    )
    trees.write("sys/class/thermal/thermal_zone0", type="AO-therm", temp=40_000)
    trees.write("sys/class/thermal/thermal_zone2", type="GPU-therm", temp=31_500)
    monitor = "sys/bus/i2c/devices/6-0040"
    trees.write(monitor, name="ina3221x")
    trees.write(
        f"{monitor}/iio:device0",
        rail_name_0="POM_5V_IN",
        in_power0_input=2_650,
        rail_name_1="POM_5V_GPU",
        in_power1_input=410,
        rail_name_2="POM_5V_CPU",
        in_power2_input=900,
    )
    trees.file("proc/meminfo", "MemTotal:        4051032 kB\nMemFree: 1 kB")
    trees.file("proc/device-tree/model", "NVIDIA Jetson Nano Developer Kit\0")
    trees.write("sys/kernel/debug/nvmap/iovmm", clients=CLIENTS)
    return trees


@pytest.fixture
def orin(trees: Trees) -> Trees:
    """JetPack 6: GA10B, power by hwmon, nobody may read nvmap."""
    trees.write("sys/class/devfreq/15a80000.vi", cur_freq=1)
    trees.write("sys/class/devfreq/15a80000.vi/device/of_node", name="vi")
    gpu = "sys/class/devfreq/17000000.gpu"
    trees.write(gpu, cur_freq=1_300_500_000)
    trees.write(f"{gpu}/device", load=1_000)
    trees.write(f"{gpu}/device/of_node", name="ga10b")
    trees.write("sys/class/thermal/thermal_zone1", type="gpu-thermal", temp=52_812)
    hwmon = "sys/class/hwmon/hwmon4"
    trees.write(
        hwmon,
        name="ina3221",
        in1_label="VDD_IN",
        in1_input=19_800,
        curr1_input=1_000,
        in2_label="VDD_CPU_GPU_CV",
        in2_input=19_800,
        curr2_input=500,
    )
    trees.file("proc/meminfo", "MemTotal:       32000000 kB")
    return trees


def test_a_nano_with_jetpack_4(no_driver: None, nano: Trees, clock: Clock) -> None:
    found = GpuReader(nano.root, clock).read([4711, 4712, 9])

    [device] = found.devices
    assert (0, "tegra-57000000.gpu", "NVIDIA Jetson Nano Developer Kit") == (
        device.index,
        device.uuid,
        device.model,
    )
    assert {
        "gpu_utilization_percent": 37.0,
        "gpu_clock_hertz": 921_600_000,
        "gpu_temperature_celsius": 31.5,
        "gpu_memory_total_bytes": 4_051_032 << 10,
        "gpu_memory_used_bytes": 525_324 << 10,
        "gpu_power_watts": 0.41,
        "gpu_board_power_watts": 2.65,
    } == device.values
    assert {
        4711: {"gpu_memory_used_bytes": 512 << 20},
        4712: {"gpu_memory_used_bytes": 1_028 << 10},
    } == found.processes


def test_an_orin_where_nvmap_is_for_root(
    no_driver: None, orin: Trees, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    reader = GpuReader(orin.root, clock)
    with caplog.at_level(logging.INFO):
        found = [reader.read([1]) for _ in range(2)]

    [device] = found[1].devices
    assert {
        "gpu_utilization_percent": 100.0,
        "gpu_clock_hertz": 1_300_500_000,
        "gpu_temperature_celsius": 52.812,
        "gpu_memory_total_bytes": 32_000_000 << 10,
        "gpu_memory_used_bytes": None,
        "gpu_power_watts": None,
        "gpu_board_power_watts": 19.8,
    } == device.values
    assert {} == found[1].processes
    assert 1 == len([r for r in caplog.records if "nvmap" in r.message])


def test_a_gpu_that_is_switched_off_is_null(
    no_driver: None, orin: Trees, clock: Clock
) -> None:
    reader = GpuReader(orin.root, clock)
    (orin.root / "sys/class/devfreq/17000000.gpu/cur_freq").unlink()
    (orin.root / "sys/class/devfreq/17000000.gpu/device/load").write_text("")

    [device] = reader.read([]).devices

    assert device.values["gpu_utilization_percent"] is None
    assert device.values["gpu_clock_hertz"] is None


def test_an_nvml_that_answers_nothing_on_orin_is_filled_in_by_sysfs(
    driver: StandIn, orin: Trees, clock: Clock
) -> None:
    driver.reset(1, usual=False)
    driver.name(0, "GPU-orin", "Orin (nvgpu)")

    [device] = GpuReader(orin.root, clock).read([]).devices

    assert (0, 100.0) == (device.index, device.values["gpu_utilization_percent"])
    assert 19.8 == device.values["gpu_board_power_watts"]
    assert device.values["gpu_energy_millijoules_total"] is None


def test_thor_joins_what_both_know(driver: StandIn, orin: Trees, clock: Clock) -> None:
    """Half of NVML works there, and lists processes, which no nvmap does."""
    driver.reset(1, usual=False)
    driver.name(0, "GPU-thor", "NVIDIA Thor")
    driver.set(0, gpu=3, power=21_000)
    driver.process(0, 7, 1 << 20)

    found = GpuReader(orin.root, clock).read([7])

    [device] = found.devices
    assert 100.0 == device.values["gpu_utilization_percent"]
    assert 21.0 == device.values["gpu_power_watts"]
    assert 1 << 20 == found.processes[7]["gpu_memory_used_bytes"]


def test_a_graphics_card_beside_the_integrated_gpu_is_a_gpu_of_its_own(
    driver: StandIn, orin: Trees, clock: Clock
) -> None:
    driver.name(0, "GPU-rtx", "NVIDIA RTX A6000")

    found = GpuReader(orin.root, clock).read([]).devices

    assert ["GPU-rtx", "tegra-device"] == [device.uuid for device in found]
    assert [42, 100.0] == [d.values["gpu_utilization_percent"] for d in found]


def test_buffers_headings_and_totals_are_no_clients() -> None:
    assert {4712: 1 << 20} == parse_clients(MAPS)
    assert {} == parse_clients("")


@pytest.mark.parametrize(
    ("label", "metric"),
    [
        ("VDD_IN", "gpu_board_power_watts"),
        ("POM_5V_IN", "gpu_board_power_watts"),
        ("GPU", "gpu_power_watts"),
        ("VDD_GPU", "gpu_power_watts"),
        ("VDD_SYS_GPU", "gpu_power_watts"),
        ("VDD_GPU_SOC", None),
        ("VDD_CPU_GPU_CV", None),
        ("VDD_CPU_CV", None),
        ("NC", None),
    ],
)
def test_only_a_rail_of_the_gpu_alone_is_its_power(
    label: str, metric: str | None
) -> None:
    assert metric == metric_of(label)


@pytest.mark.parametrize(
    ("load", "percent"), [(0, 0.0), (1_000, 100.0), (5, 0.5), (-1, None), (1_001, None)]
)
def test_load_is_per_mille(load: int, percent: float | None) -> None:
    assert percent == per_mille(load)
