"""Speeds of fans."""

from __future__ import annotations

from collections.abc import Iterator

from robometrics.publisher.samplers.host import hwmon
from robometrics.publisher.samplers.host.machine import Files, Machine, Read, names_in
from robometrics.publisher.samplers.host.sensors import Sensor, Sensors

FANS_MAX = 8


def begin(files: Files) -> Read:
    machine = files.machine
    sensors = Sensors(
        "fan_rpm",
        FANS_MAX,
        listing=lambda: names_in(machine.sys / hwmon.FOLDER),
        find=lambda: find(machine),
    )
    return sensors.read


def find(machine: Machine) -> Iterator[Sensor]:
    for chip in hwmon.chips(machine):
        for stem, label in chip.inputs("fan"):
            yield Sensor(chip.named(label), (chip.folder / f"{stem}_input",), 1)
        if "rpm" in chip.files:  # a Jetson's tachometer
            yield Sensor(chip.name, (chip.folder / "rpm",), 1)
