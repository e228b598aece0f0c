"""The integrated GPU of a Jetson, read from sysfs.

It has no memory of its own: what it uses is the host's. NVML is there too, and answers
nearly nothing on Orin and before, and some of it on Thor: sysfs wins, NVML fills in.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from robometrics.publisher.samplers.gpu.jetson_power import Rails
from robometrics.publisher.samplers.gpu.notes import Notes
from robometrics.publisher.samplers.gpu.nvmap import parse_clients
from robometrics.publisher.samplers.gpu.readings import Device, Value, Values, total
from robometrics.publisher.samplers.gpu.sysfs import names_in, read_int, read_text
from robometrics.publisher.samplers.gpu.table import Row

_NODES = {"gm20b", "gp10b", "gv11b", "ga10b", "gb10b", "gpu"}
"""Names of the GPU in the device tree: Nano and TX1, TX2, Xavier, Orin, Thor."""

_INTEGRATED = re.compile(r"nvgpu|tegra|xavier|orin|thor", re.IGNORECASE)
"""What NVML calls such a GPU."""

_NVMAP = "sys/kernel/debug/nvmap/iovmm"


TABLE = (
    Row("gpu_utilization_percent", "load, per mille", "no such file"),
    Row("gpu_clock_hertz", "devfreq/*/cur_freq", "the GPU is switched off"),
    Row("gpu_temperature_celsius", "thermal zone gpu-thermal, GPU-therm", "no zone"),
    Row("gpu_power_watts", "ina3221 rail with GPU in its name", "no rail of its own"),
    Row("gpu_board_power_watts", "ina3221 rail VDD_IN, POM_5V_IN", "no such rail"),
    Row("gpu_memory_total_bytes", "/proc/meminfo: shared with the host", "never"),
    Row("gpu_memory_used_bytes", "debugfs nvmap/iovmm/clients", "not run by root"),
)
"""Of a process there is ``gpu_memory_used_bytes`` alone, by nvmap."""


class JetsonSource:
    """The GPU of a Jetson, if this is one."""

    def __init__(self, notes: Notes, root: Path = Path("/")) -> None:
        self._notes = notes
        self._root = root
        self._found = _find(root)
        self._zone = _find_zone(root) if self._found else None
        self._rails = Rails(root) if self._found else None

    def read(self, pids: Collection[int], found: list[Device]) -> list[Device]:
        if self._found is None:
            return found
        read = self._read(*self._found, pids)
        for device in found:
            if _INTEGRATED.search(device.model):
                return [
                    _merged(read, device) if each is device else each for each in found
                ]
        return [*found, read]

    def close(self) -> None:
        return None

    def _read(self, device: Path, devfreq: Path, pids: Collection[int]) -> Device:
        memory = self._memory()
        power = self._rails.read() if self._rails else {}
        return Device(
            uuid=f"tegra-{device.name}",
            model=_model(self._root),
            values={
                "gpu_utilization_percent": per_mille(read_int(device / "load")),
                "gpu_clock_hertz": read_int(devfreq / "cur_freq"),
                "gpu_temperature_celsius": self._temperature(),
                "gpu_memory_total_bytes": _memory_total(self._root),
                "gpu_memory_used_bytes": (
                    None if memory is None else total(memory.values())
                ),
                "gpu_power_watts": None,
                "gpu_board_power_watts": None,
                **power,
            },
            processes={
                pid: {"gpu_memory_used_bytes": used}
                for pid, used in (memory or {}).items()
                if pid in pids
            },
        )

    def _temperature(self) -> Value:
        if self._zone is None:
            return None
        milli = read_int(self._zone / "temp")
        return None if milli is None else milli / 1_000

    def _memory(self) -> dict[int, int] | None:
        for name in ("clients", "maps"):
            text = read_text(self._root / _NVMAP / name)
            if text is not None:
                return parse_clients(text)
        self._notes.say(
            "nvmap",
            "GPU memory of processes: null; only root may read nvmap in debugfs",
        )
        return None


def per_mille(load: int | None) -> float | None:
    """Return per cent; the driver gives 0 to 1000."""
    return None if load is None or not 0 <= load <= 1_000 else load / 10  # noqa: PLR2004


def _merged(sysfs: Device, nvml: Device) -> Device:
    """Return what both say; sysfs wins where it says anything."""
    return Device(
        uuid=sysfs.uuid,  # the driver may come later, and go
        model=sysfs.model or nvml.model,
        values=_filled(sysfs.values, nvml.values),
        processes={
            pid: _filled(sysfs.processes.get(pid, {}), nvml.processes.get(pid, {}))
            for pid in {*sysfs.processes, *nvml.processes}
        },
    )


def _filled(first: Values, second: Values) -> Values:
    known = {name: value for name, value in first.items() if value is not None}
    return {**first, **second, **known}


def _find(root: Path) -> tuple[Path, Path] | None:
    """Return the folder of the GPU, and that of its frequency."""
    devfreq = root / "sys/class/devfreq"
    for name in names_in(devfreq):
        device = devfreq / name / "device"
        node = read_text(device / "of_node/name") or ""
        if node.rstrip("\0") in _NODES and (device / "load").exists():
            return device.resolve(), devfreq / name
    return None


def _find_zone(root: Path) -> Path | None:
    zones = root / "sys/class/thermal"
    for name in names_in(zones):
        kind = (read_text(zones / name / "type") or "").lower()
        if kind.startswith("gpu"):
            return zones / name
    return None


def _model(root: Path) -> str:
    text = read_text(root / "proc/device-tree/model") or ""
    return text.rstrip("\0")


def _memory_total(root: Path) -> Value:
    text = read_text(root / "proc/meminfo") or ""
    found = re.search(r"^MemTotal:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1_024 if found else None
