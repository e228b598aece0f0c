"""The PCIe link of a device, as the kernel tells it of any."""

from __future__ import annotations

from pathlib import Path

from robometrics.publisher.samplers.gpu.readings import Values
from robometrics.publisher.samplers.gpu.sysfs import read_int, read_text
from robometrics.publisher.samplers.gpu.table import Row

_GENERATIONS = {"2.5": 1, "5": 2, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}
"""By gigatransfers per second of a lane."""

PCIE_TABLE = (
    Row("gpu_pcie_generation_level", "current_link_speed, GT/s", "not on PCIe"),
    Row("gpu_pcie_lane_count", "current_link_width", "not on PCIe"),
)


def read_pcie(device: Path) -> Values:
    """Return the link as it is now, of a device's folder in sysfs."""
    speed = (read_text(device / "current_link_speed") or "").split(" ", 1)[0]
    return {
        "gpu_pcie_generation_level": _GENERATIONS.get(speed),
        "gpu_pcie_lane_count": read_int(device / "current_link_width") or None,
    }
