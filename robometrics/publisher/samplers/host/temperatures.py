"""Temperatures by name: thermal zones, and the chips of ``hwmon``.

https://docs.kernel.org/driver-api/thermal/sysfs-api.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from robometrics.publisher.samplers.host import hwmon
from robometrics.publisher.samplers.host.machine import (
    Files,
    Machine,
    Read,
    names_in,
    text,
)
from robometrics.publisher.samplers.host.sensors import Sensor, Sensors

SENSORS_MAX = 24
_CELSIUS = 1e-3  # of what the files say
_LOWEST, _HIGHEST = -100.0, 250.0
_ONE_CORE = re.compile(r"_Core_\d+\Z")


def begin(files: Files) -> Read:
    machine = files.machine
    zones, chips = machine.sys / "class/thermal", machine.sys / hwmon.FOLDER
    sensors = Sensors(
        "temperature_celsius",
        SENSORS_MAX,
        listing=lambda: (names_in(zones), names_in(chips)),
        find=lambda: find(machine),
    )
    return sensors.read


def find(machine: Machine) -> list[Sensor]:
    """Return all sensors; those of single cores last, as a limit may cut them."""
    found = [*_zones(machine), *_of_chips(machine)]
    return sorted(found, key=lambda sensor: _ONE_CORE.search(sensor.name) is not None)


def _zones(machine: Machine) -> Iterator[Sensor]:
    folder = machine.sys / "class/thermal"
    for zone in names_in(folder):
        if zone.startswith("thermal_zone"):
            name = text(folder / zone / "type") or zone
            yield _sensor(name.replace(" ", "_"), folder / zone / "temp")


def _of_chips(machine: Machine) -> Iterator[Sensor]:
    for chip in hwmon.chips(machine):
        if "/thermal_zone" in chip.device:
            continue  # the same sensor once more
        for stem, label in chip.inputs("temp"):
            yield _sensor(chip.named(label), chip.folder / f"{stem}_input")


def _sensor(name: str, file: Path) -> Sensor:
    return Sensor(name, (file,), _CELSIUS, _LOWEST, _HIGHEST)
