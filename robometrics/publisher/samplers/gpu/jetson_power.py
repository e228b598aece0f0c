"""Power rails of a Jetson: INA3221 monitors, by hwmon or by the older iio layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from robometrics.publisher.samplers.gpu.readings import Value, Values
from robometrics.publisher.samplers.gpu.sysfs import names_in, read_int, read_text

_MONITOR = "ina3221"
_BOARD = {"VDD_IN", "POM_5V_IN"}

Read = Callable[[], Value]


class Rails:
    """The GPU's rail, and that of the whole module. Found once."""

    def __init__(self, root: Path) -> None:
        self._reads: dict[str, Read] = {}
        for label, read in {**_iio(root), **_hwmon(root)}.items():
            if metric := metric_of(label):
                self._reads.setdefault(metric, read)

    def read(self) -> Values:
        """Return watts by metric."""
        return {metric: read() for metric, read in self._reads.items()}


def metric_of(label: str) -> str | None:
    """Return what a rail of this name measures.

    ``VDD_GPU_SOC`` (AGX Orin) feeds the SoC's other engines as well, and
    ``VDD_CPU_GPU_CV`` (Orin NX and Nano) the cores too: neither is the GPU's alone.
    """
    if label in _BOARD:
        return "gpu_board_power_watts"
    parts = set(label.upper().split("_"))
    if "GPU" in parts and not parts & {"CPU", "CV", "SOC"}:
        return "gpu_power_watts"
    return None


def _hwmon(root: Path) -> dict[str, Read]:
    """JetPack 5 and later: volts and amperes, whose product is the power."""
    found = {}
    folder = root / "sys/class/hwmon"
    for name in names_in(folder):
        if read_text(folder / name / "name") != _MONITOR:
            continue
        for file in names_in(folder / name):
            if file.startswith("in") and file.endswith("_label"):
                channel = file.removeprefix("in").removesuffix("_label")
                label = read_text(folder / name / file) or ""
                found[label] = _product(folder / name, channel)
    return found


def _product(monitor: Path, channel: str) -> Read:
    def read() -> Value:
        millivolts = read_int(monitor / f"in{channel}_input")
        milliamperes = read_int(monitor / f"curr{channel}_input")
        if millivolts is None or milliamperes is None:
            return None
        return millivolts * milliamperes / 1_000_000

    return read


def _iio(root: Path) -> dict[str, Read]:
    """JetPack 4: milliwatts, as ``in_power<N>_input``."""
    found = {}
    folder = root / "sys/bus/i2c/devices"
    for name in names_in(folder):
        if _MONITOR not in (read_text(folder / name / "name") or ""):
            continue
        for inner in names_in(folder / name):
            if not inner.startswith("iio:device"):
                continue
            monitor = folder / name / inner
            for file in names_in(monitor):
                if file.startswith("rail_name_"):
                    channel = file.removeprefix("rail_name_")
                    label = read_text(monitor / file) or ""
                    found[label] = _milliwatts(monitor / f"in_power{channel}_input")
    return found


def _milliwatts(file: Path) -> Read:
    def read() -> Value:
        value = read_int(file)
        return None if value is None else value / 1_000

    return read
