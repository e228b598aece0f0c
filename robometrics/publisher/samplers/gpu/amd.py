"""One AMD GPU, read from the files of the driver ``amdgpu`` in sysfs.

They are described in the kernel's ``Documentation/gpu/amdgpu/driver-misc.rst`` and
``thermal.rst``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from robometrics.publisher.samplers.gpu.cards import Card
from robometrics.publisher.samplers.gpu.pcie import PCIE_TABLE, read_pcie
from robometrics.publisher.samplers.gpu.readings import Value, Values
from robometrics.publisher.samplers.gpu.sysfs import names_in, read_int, read_text
from robometrics.publisher.samplers.gpu.table import Row

_PWM_MAX = 255

_DEVICE_FILES: dict[str, str] = {
    "gpu_utilization_percent": "gpu_busy_percent",
    "gpu_memory_utilization_percent": "mem_busy_percent",
    "gpu_memory_used_bytes": "mem_info_vram_used",
    "gpu_memory_total_bytes": "mem_info_vram_total",
    "gpu_shared_memory_used_bytes": "mem_info_gtt_used",
}
_HWMON_FILES: dict[str, tuple[tuple[str, ...], Callable[[int], Value]]] = {
    "gpu_power_watts": (("power1_average", "power1_input"), lambda u: u / 1_000_000),
    "gpu_power_limit_watts": (("power1_cap",), lambda u: u / 1_000_000),
    "gpu_fan_percent": (("pwm1",), lambda pwm: pwm * 100 / _PWM_MAX),
    "gpu_fan_rpm": (("fan1_input",), int),
}
_LABELS = {
    "gpu_temperature_celsius": ("temp", ("edge", "junction")),
    "gpu_memory_temperature_celsius": ("temp", ("mem",)),
    "gpu_clock_hertz": ("freq", ("sclk",)),
    "gpu_memory_clock_hertz": ("freq", ("mclk",)),
}
"""Metric to a kind of sensor in hwmon, and its labels, the better one first."""

_CLOCKS = {"gpu_clock_hertz": "pp_dpm_sclk", "gpu_memory_clock_hertz": "pp_dpm_mclk"}
"""Where hwmon has no such sensor: a list of steps, the present one with a star."""

TABLE = (
    Row("gpu_utilization_percent", "gpu_busy_percent", "the GPU sleeps"),
    Row("gpu_memory_utilization_percent", "mem_busy_percent", "an APU"),
    Row("gpu_memory_used_bytes", "mem_info_vram_used", "the GPU sleeps"),
    Row("gpu_memory_total_bytes", "mem_info_vram_total", "the GPU sleeps"),
    Row("gpu_shared_memory_used_bytes", "mem_info_gtt_used", "the GPU sleeps"),
    Row("gpu_power_watts", "hwmon power1_average or _input, µW", "no sensor"),
    Row("gpu_power_limit_watts", "hwmon power1_cap, µW", "an APU"),
    Row("gpu_temperature_celsius", "hwmon temp edge or junction, m°C", "no sensor"),
    Row("gpu_memory_temperature_celsius", "hwmon temp mem, m°C", "no sensor"),
    Row("gpu_clock_hertz", "hwmon freq sclk, or pp_dpm_sclk", "the GPU sleeps"),
    Row("gpu_memory_clock_hertz", "hwmon freq mclk, or pp_dpm_mclk", "an APU"),
    Row("gpu_fan_percent", "hwmon pwm1, of 255", "no fan of its own"),
    Row("gpu_fan_rpm", "hwmon fan1_input", "no fan of its own"),
    *PCIE_TABLE,
)


def read_amd(card: Card) -> Values:
    """Return the metrics of *card*."""
    values: Values = {
        metric: read_int(card.device / file) for metric, file in _DEVICE_FILES.items()
    }
    hwmon = card.hwmon
    for metric, (files, convert) in _HWMON_FILES.items():
        raw = _first(hwmon, files)
        values[metric] = None if raw is None else convert(raw)
    sensors = _labelled(hwmon)
    for metric, (kind, labels) in _LABELS.items():
        found = [sensors[kind, label] for label in labels if (kind, label) in sensors]
        raw = read_int(found[0]) if found else None
        values[metric] = raw / 1_000 if raw is not None and kind == "temp" else raw
    for metric, file in _CLOCKS.items():
        if values[metric] is None:
            values[metric] = parse_dpm(read_text(card.device / file) or "")
    return values | read_pcie(card.device)


def parse_dpm(text: str) -> int | None:
    """Return the present clock in Hz, of a list such as ``1: 1400Mhz *``."""
    found = re.search(r"^\S+:\s*(\d+)\s*MHz\s*\*", text, re.IGNORECASE | re.MULTILINE)
    return int(found[1]) * 1_000_000 if found else None


def _first(folder: Path | None, files: tuple[str, ...]) -> int | None:
    for file in files:
        value = read_int(folder / file) if folder else None
        if value is not None:
            return value
    return None


def _labelled(folder: Path | None) -> dict[tuple[str, str], Path]:
    """Return the sensors of a hwmon folder by kind and label."""
    found = {}
    for file in names_in(folder) if folder else []:
        match = re.fullmatch(r"((?:temp|freq)\d+)_label", file)
        if folder and match:
            kind = match[1].rstrip("0123456789")
            label = read_text(folder / file) or ""
            found[kind, label] = folder / f"{match[1]}_input"
    return found
