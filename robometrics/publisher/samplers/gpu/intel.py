"""One Intel GPU, read from the files of the drivers ``i915`` and ``xe`` in sysfs.

Neither tells how busy the GPU is without a privilege for performance counters. Both
tell how long it slept: what it did not sleep is the most it can have worked.
"""

from __future__ import annotations

from pathlib import Path

from robometrics.publisher.samplers.gpu.cards import Card
from robometrics.publisher.samplers.gpu.pcie import PCIE_TABLE, read_pcie
from robometrics.publisher.samplers.gpu.readings import Values
from robometrics.publisher.samplers.gpu.sysfs import names_in, read_int, read_text
from robometrics.publisher.samplers.gpu.table import Row

_NS_PER_MS = 1_000_000
_MICROJOULES = 1_000
_PERCENT = 100.0

TABLE = (
    Row(
        "gpu_idle_time_ns",
        "i915: rc6_residency_ms; xe: gtidle/idle_residency_ms; the GT that slept least",
        "sleep states are off",
    ),
    Row(
        "gpu_utilization_percent",
        "100 - growth of gpu_idle_time_ns: an upper bound",
        "the first second; sleep states are off",
    ),
    Row(
        "gpu_clock_hertz",
        "i915: gt_act_freq_mhz; xe: freq0/act_freq; MHz, the fastest GT, 0: asleep",
        "the driver does not tell",
    ),
    Row("gpu_energy_millijoules_total", "hwmon energy1_input, µJ", "integrated"),
    Row("gpu_power_limit_watts", "hwmon power1_max, µW", "integrated"),
    Row("gpu_fan_rpm", "hwmon fan1_input", "integrated"),
    Row("gpu_temperature_celsius", "hwmon temp pkg, m°C", "integrated; an old kernel"),
    Row("gpu_memory_temperature_celsius", "hwmon temp vram, m°C", "integrated"),
    Row("gpu_memory_used_bytes", "told of processes only", "always"),
    *PCIE_TABLE,
)


class Intel:
    """Reads one card; keeps how long it had slept before."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._before: tuple[int, tuple[int, ...]] | None = None

    def read(self, at_ns: int) -> Values:
        """Return its metrics at *at_ns*, monotonic."""
        idle_ms = self._idle_ms()
        clocks_mhz = self._clocks_mhz()
        values: Values = {
            "gpu_idle_time_ns": min(idle_ms) * _NS_PER_MS if idle_ms else None,
            "gpu_utilization_percent": self._awake_percent(at_ns, idle_ms),
            "gpu_clock_hertz": max(clocks_mhz) * 1_000_000 if clocks_mhz else None,
            "gpu_memory_used_bytes": None,
        }
        return values | self._sensors() | read_pcie(self._card.device)

    def _awake_percent(self, at_ns: int, idle_ms: tuple[int, ...]) -> float | None:
        before, self._before = self._before, (at_ns, idle_ms)
        if before is None or not idle_ms or len(before[1]) != len(idle_ms):
            return None
        elapsed_ms = (at_ns - before[0]) / _NS_PER_MS
        slept_ms = [now - then for now, then in zip(idle_ms, before[1], strict=True)]
        if elapsed_ms <= 0 or min(slept_ms) < 0:
            return None  # the counter began anew
        return max(0.0, _PERCENT - min(slept_ms) / elapsed_ms * _PERCENT)

    def _idle_ms(self) -> tuple[int, ...]:
        if self._card.driver == "i915":
            files = [gt / "rc6_residency_ms" for gt in self._i915_gts()]
            files = files or [self._card.folder / "power/rc6_residency_ms"]
        else:
            files = [gt / "gtidle/idle_residency_ms" for gt in self._xe_gts()]
        return _known(files)

    def _clocks_mhz(self) -> tuple[int, ...]:
        if self._card.driver == "i915":
            files = [gt / "rps_act_freq_mhz" for gt in self._i915_gts()]
            files = files or [self._card.folder / "gt_act_freq_mhz"]
        else:
            files = [gt / "freq0/act_freq" for gt in self._xe_gts()]
        return _known(files)

    def _i915_gts(self) -> list[Path]:
        """Return the folders of its graphics units; none before Linux 5.18."""
        folder = self._card.folder / "gt"
        return [folder / name for name in names_in(folder) if name.startswith("gt")]

    def _xe_gts(self) -> list[Path]:
        device = self._card.device
        return [
            device / tile / gt
            for tile in names_in(device)
            if tile.startswith("tile")
            for gt in names_in(device / tile)
            if gt.startswith("gt")
        ]

    def _sensors(self) -> Values:
        unknown: Values = dict.fromkeys(_SENSORS)
        hwmon = self._card.hwmon
        if hwmon is None:
            return unknown
        energy = read_int(hwmon / "energy1_input")
        limit = read_int(hwmon / "power1_max")
        values: Values = {
            "gpu_energy_millijoules_total": _divided(energy, _MICROJOULES),
            "gpu_power_limit_watts": None if not limit else limit / 1_000_000,
            "gpu_fan_rpm": read_int(hwmon / "fan1_input"),
        }
        for name in names_in(hwmon):
            if name.startswith("temp") and name.endswith("_label"):
                label = read_text(hwmon / name)
                milli = read_int(hwmon / name.replace("_label", "_input"))
                metric = _TEMPERATURES.get(label or "")
                if metric and milli is not None:
                    values[metric] = milli / 1_000
        return unknown | values


_TEMPERATURES = {
    "pkg": "gpu_temperature_celsius",
    "vram": "gpu_memory_temperature_celsius",
}
"""Label to metric."""

_SENSORS = (
    "gpu_energy_millijoules_total",
    "gpu_power_limit_watts",
    "gpu_fan_rpm",
    *_TEMPERATURES.values(),
)


def _divided(value: int | None, by: int) -> int | None:
    return None if value is None else value // by


def _known(files: list[Path]) -> tuple[int, ...]:
    values = [read_int(file) for file in files]
    return tuple(value for value in values if value is not None)
