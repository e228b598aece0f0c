"""The chips that measure a board: ``/sys/class/hwmon``.

https://docs.kernel.org/hwmon/sysfs-interface.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from robometrics.publisher.samplers.host.machine import Machine, names_in, text

FOLDER = "class/hwmon"


class Chip(NamedTuple):
    """One chip; its number changes from boot to boot, its device does not."""

    name: str
    folder: Path
    device: str
    """Where it is on its bus."""

    files: list[str]

    def inputs(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield the stems of all inputs of *kind* (as ``temp``), and their labels.

        An input without a label is known by its stem, as in ``temp1``.
        """
        for file in self.files:
            stem = file.removesuffix("_input")
            if stem != file and stem.rstrip("0123456789") == kind:
                yield stem, text(self.folder / f"{stem}_label") or stem

    def named(self, label: str) -> str:
        """Return the name of one of its inputs, as in ``coretemp_Core_0``."""
        return f"{self.name}_{label}".replace(" ", "_")


def chips(machine: Machine) -> list[Chip]:
    """Return all chips, always in the same order."""
    root = machine.sys / FOLDER
    found = []
    for number in names_in(root):
        folder = root / number
        # Drivers of old keep their files with the device.
        if not (folder / "name").exists() and (folder / "device/name").exists():
            folder /= "device"
        device = str((root / number).resolve())
        name = text(folder / "name") or number
        found.append(Chip(name, folder, device.rpartition("/")[0], names_in(folder)))
    return sorted(found, key=lambda chip: (chip.name, chip.device))
