"""AMD's and Intel's GPUs: a laptop, an i915 of old and new kernels, a card of xe."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from robometrics.publisher.samplers.gpu import GpuReader, intel
from robometrics.publisher.samplers.gpu.amd import parse_dpm

from .conftest import Clock, Trees
from .stand_in import StandIn

SECOND = 1_000_000_000
APU = "0000:04:00.0"
INTEL = "0000:00:02.0"
ARC = "0000:03:00.0"


def card(trees: Trees, number: int, driver: str, address: str) -> str:
    """Write what every card has; return its folder."""
    folder = f"sys/class/drm/card{number}"
    trees.write(
        f"{folder}/device",
        uevent=f"DRIVER={driver}\nPCI_CLASS=30000\nPCI_SLOT_NAME={address}",
        vendor="0x1002",
        device="0x15bf",
        current_link_speed="16.0 GT/s PCIe",
        current_link_width=16,
    )
    trees.write(f"sys/class/drm/card{number}-HDMI-A-1", status="connected")
    trees.write("sys/class/drm/renderD128", dev="226:128")
    return folder


def descriptor(
    trees: Trees, pid: int, number: int, text: str, target: str = "/dev/dri/renderD128"
) -> None:
    trees.link(f"proc/{pid}/fd/{number}", target)
    trees.file(f"proc/{pid}/fdinfo/{number}", text)


def i915(client: int, render_ns: int) -> str:
    return (
        f"drm-driver:\ti915\ndrm-pdev:\t{INTEL}\ndrm-client-id:\t{client}\n"
        f"drm-engine-render:\t{render_ns} ns\ndrm-engine-video:\t0 ns\n"
        "drm-total-system0:\t2048 KiB\ndrm-resident-system0:\t1024 KiB"
    )


@pytest.fixture
def laptop(trees: Trees) -> Trees:
    folder = card(trees, 1, "amdgpu", APU)
    trees.write(
        f"{folder}/device",
        gpu_busy_percent=37,
        mem_info_vram_used=400 << 20,
        mem_info_vram_total=512 << 20,
        mem_info_gtt_used=64 << 20,
        pp_dpm_mclk="0: 400Mhz\n1: 1600Mhz *\n2: 2800Mhz",
    )
    trees.write(
        f"{folder}/device/hwmon/hwmon5",
        name="amdgpu",
        power1_input=9_123_000,
        temp1_label="edge",
        temp1_input=46_000,
        freq1_label="sclk",
        freq1_input=2_200_000_000,
    )
    return trees


@pytest.fixture
def arc(trees: Trees) -> Trees:
    folder = card(trees, 0, "xe", ARC)
    for gt, idle in (("gt0", 5_000), ("gt1", 9_000)):
        trees.write(f"{folder}/device/tile0/{gt}/gtidle", idle_residency_ms=idle)
        trees.write(f"{folder}/device/tile0/{gt}/freq0", act_freq=2_400)
    trees.write(
        f"{folder}/device/hwmon/hwmon2",
        name="xe",
        energy1_input=7_000_000,
        power1_max=190_000_000,
        fan1_input=1_200,
        temp2_label="pkg",
        temp2_input=55_000,
        temp3_label="vram",
        temp3_input=61_000,
    )
    return trees


def test_an_amd_laptop(no_driver: None, laptop: Trees, clock: Clock) -> None:
    [device] = GpuReader(laptop.root, clock).read([]).devices

    assert (0, f"pci-{APU}", "amdgpu 1002:15bf") == (
        device.index,
        device.uuid,
        device.model,
    )
    assert {
        "gpu_utilization_percent": 37,
        "gpu_memory_utilization_percent": None,
        "gpu_memory_used_bytes": 400 << 20,
        "gpu_memory_total_bytes": 512 << 20,
        "gpu_shared_memory_used_bytes": 64 << 20,
        "gpu_power_watts": 9.123,
        "gpu_power_limit_watts": None,
        "gpu_temperature_celsius": 46.0,
        "gpu_memory_temperature_celsius": None,
        "gpu_clock_hertz": 2_200_000_000,
        "gpu_memory_clock_hertz": 1_600_000_000,
        "gpu_fan_percent": None,
        "gpu_fan_rpm": None,
        "gpu_pcie_generation_level": 4,
        "gpu_pcie_lane_count": 16,
    } == device.values


def test_an_amd_card_with_a_fan_and_a_name(
    no_driver: None, laptop: Trees, clock: Clock
) -> None:
    folder = "sys/class/drm/card1/device"
    laptop.write(folder, product_name="Radeon Pro W7900", mem_busy_percent=12)
    laptop.write(
        f"{folder}/hwmon/hwmon5",
        power1_average=200_500_000,
        power1_cap=241_000_000,
        pwm1=51,
        fan1_input=1_400,
        temp3_label="mem",
        temp3_input=70_000,
    )

    [device] = GpuReader(laptop.root, clock).read([]).devices

    assert "Radeon Pro W7900" == device.model
    assert {
        "gpu_memory_utilization_percent": 12,
        "gpu_power_watts": 200.5,
        "gpu_power_limit_watts": 241.0,
        "gpu_fan_percent": 20.0,
        "gpu_fan_rpm": 1_400,
        "gpu_memory_temperature_celsius": 70.0,
    }.items() <= device.values.items()


@pytest.mark.parametrize("kernel", ["old", "new"])
def test_an_i915_works_as_much_as_it_did_not_sleep(
    no_driver: None, trees: Trees, clock: Clock, kernel: str
) -> None:
    folder = card(trees, 0, "i915", INTEL)

    def slept(ms: int) -> None:
        if kernel == "old":
            trees.write(folder, gt_act_freq_mhz=850)
            trees.write(f"{folder}/power", rc6_residency_ms=ms)
        else:
            trees.write(f"{folder}/gt/gt0", rc6_residency_ms=ms, rps_act_freq_mhz=850)

    slept(1_000)
    reader = GpuReader(trees.root, clock)
    [first] = reader.read([]).devices
    slept(1_700)
    clock.now += 1
    [second] = reader.read([]).devices

    assert first.values["gpu_utilization_percent"] is None
    assert 30.0 == pytest.approx(second.values["gpu_utilization_percent"])
    assert 1_700_000_000 == second.values["gpu_idle_time_ns"]
    assert 850_000_000 == second.values["gpu_clock_hertz"]


def test_a_card_of_xe_is_as_busy_as_its_busier_half(
    no_driver: None, arc: Trees, clock: Clock
) -> None:
    reader = GpuReader(arc.root, clock)
    reader.read([])
    tile = "sys/class/drm/card0/device/tile0"
    arc.write(f"{tile}/gt0/gtidle", idle_residency_ms=5_400)
    arc.write(f"{tile}/gt1/gtidle", idle_residency_ms=10_000)
    clock.now += 1
    [device] = reader.read([]).devices

    assert 60.0 == pytest.approx(device.values.pop("gpu_utilization_percent"))
    assert {
        "gpu_idle_time_ns": 5_400_000_000,
        "gpu_clock_hertz": 2_400_000_000,
        "gpu_memory_used_bytes": None,
        "gpu_energy_millijoules_total": 7_000,
        "gpu_power_limit_watts": 190.0,
        "gpu_fan_rpm": 1_200,
        "gpu_temperature_celsius": 55.0,
        "gpu_memory_temperature_celsius": 61.0,
        "gpu_pcie_generation_level": 4,
        "gpu_pcie_lane_count": 16,
    } == device.values


def test_an_intel_that_never_sleeps_is_null(
    no_driver: None, trees: Trees, clock: Clock
) -> None:
    card(trees, 0, "i915", INTEL)

    [device] = GpuReader(trees.root, clock).read([]).devices

    found = {name for name, value in device.values.items() if value is not None}
    assert {"gpu_pcie_generation_level", "gpu_pcie_lane_count"} == found
    assert {row.metric for row in intel.TABLE} == device.values.keys()


def test_a_client_with_two_descriptors_is_counted_once(
    no_driver: None, trees: Trees, clock: Clock
) -> None:
    card(trees, 0, "i915", INTEL)
    reader = GpuReader(trees.root, clock)
    for second in (0, 1):
        for number in (5, 6):
            descriptor(trees, 7, number, i915(11, 9 * SECOND + second * SECOND // 2))
        descriptor(trees, 7, 8, i915(12, 0), "/dev/dri/card0")
        descriptor(trees, 7, 9, i915(13, 99), "/dev/null")
        found = reader.read([7, 4_000]).processes
        clock.now += 1

    assert {
        7: {
            "gpu_memory_used_bytes": 2 << 20,
            "gpu_shared_memory_used_bytes": 2 << 20,
            "gpu_engine_time_ns:0-render": 9 * SECOND + SECOND // 2,
            "gpu_engine_time_ns:0-video": 0,
            "gpu_time_ns": 9 * SECOND + SECOND // 2,
            "gpu_utilization_percent": 50.0,
        }
    } == found


def test_a_process_that_begins_to_use_the_gpu_is_found_in_ten_seconds(
    no_driver: None, trees: Trees, clock: Clock
) -> None:
    card(trees, 0, "i915", INTEL)
    descriptor(trees, 7, 1, "", "/dev/pts/0")
    reader = GpuReader(trees.root, clock)
    reader.read([7])
    descriptor(trees, 7, 5, i915(11, SECOND))
    seen = []
    for _ in range(11):
        clock.now += 1
        seen.append(7 in reader.read([7]).processes)

    assert [False] * 8 == seen[:8]
    assert seen[-1]


def test_a_process_that_ends_keeps_its_time_and_has_no_memory(
    no_driver: None, trees: Trees, clock: Clock
) -> None:
    card(trees, 0, "i915", INTEL)
    descriptor(trees, 7, 5, i915(11, SECOND))
    reader = GpuReader(trees.root, clock)
    reader.read([7])
    (trees.root / "proc/7/fdinfo/5").unlink()
    clock.now += 1
    found = reader.read([7]).processes[7]

    assert (SECOND, 0, 0.0) == (
        found["gpu_time_ns"],
        found["gpu_memory_used_bytes"],
        found["gpu_utilization_percent"],
    )


def test_a_process_of_another_user_is_told_of_once(
    no_driver: None,
    trees: Trees,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Root may read anything, so the refusal is made here."""
    card(trees, 0, "i915", INTEL)
    for pid in (7, 8):
        descriptor(trees, pid, 5, i915(pid, SECOND))
    iterdir = Path.iterdir

    def refused(path: Path) -> object:
        if path == trees.root / "proc/7/fd":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    reader = GpuReader(trees.root, clock)
    with caplog.at_level(logging.INFO):
        found = [reader.read([7, 8]).processes for _ in range(3)]

    assert [{8}] * 3 == [each.keys() for each in found]
    assert 1 == len([r for r in caplog.records if "CAP_SYS_PTRACE" in r.message])


def test_nvidia_comes_first_then_the_others_by_address(
    driver: StandIn, laptop: Trees, arc: Trees, clock: Clock
) -> None:
    driver.reset(2)
    descriptor(laptop, 7, 5, f"drm-driver: amdgpu\ndrm-pdev: {APU}\ndrm-memory-vram: 9")
    driver.process(1, 7, 1)

    found = GpuReader(laptop.root, clock).read([7])

    assert [
        (0, "GPU-00000000"),
        (1, "GPU-00000001"),
        (2, f"pci-{ARC}"),
        (3, f"pci-{APU}"),
    ] == [(device.index, device.uuid) for device in found.devices]
    memory = {
        key: value
        for key, value in found.processes[7].items()
        if key.startswith("gpu_memory_used_bytes")
    }
    assert {
        "gpu_memory_used_bytes": 10,
        "gpu_memory_used_bytes:1": 1,
        "gpu_memory_used_bytes:3": 9,
    } == memory


def test_a_host_with_no_gpu_at_all_has_none(no_driver: None, reader: GpuReader) -> None:
    found = reader.read([1, 2])

    assert ([], {}) == (found.devices, found.processes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0: 400Mhz\n1: 1600Mhz *\n", 1_600_000_000),
        ("S: 19Mhz *\n0: 500Mhz\n", 19_000_000),
        ("0: 400Mhz\n", None),
        ("", None),
    ],
)
def test_the_present_clock_has_a_star(text: str, expected: int | None) -> None:
    assert expected == parse_dpm(text)
