"""Electrical power, as chips on the board measure it.

A chip tells power itself, or (INA3221 on a Jetson) voltage and current of each rail.
"""

from __future__ import annotations

from collections.abc import Iterator

from robometrics.publisher.samplers.host import hwmon
from robometrics.publisher.samplers.host.machine import Files, Machine, Read, names_in
from robometrics.publisher.samplers.host.sensors import Sensor, Sensors

RAILS_MAX = 8
_WATTS_PER_UW = 1e-6


def begin(files: Files) -> Read:
    machine = files.machine
    sensors = Sensors(
        "power_watts",
        RAILS_MAX,
        listing=lambda: names_in(machine.sys / hwmon.FOLDER),
        find=lambda: find(machine),
    )
    return sensors.read


def find(machine: Machine) -> Iterator[Sensor]:
    for chip in hwmon.chips(machine):
        if "/power_supply/" in chip.device:
            continue  # the battery, which is measured as such
        powers = list(chip.inputs("power"))
        for stem, label in powers:
            file = chip.folder / f"{stem}_input"
            yield Sensor(chip.named(label), (file,), _WATTS_PER_UW)
        if not powers:
            yield from _rails(chip)


def _rails(chip: hwmon.Chip) -> Iterator[Sensor]:
    voltages = dict(chip.inputs("in"))
    for current, _ in chip.inputs("curr"):
        voltage = "in" + current.removeprefix("curr")
        label = voltages.get(voltage)
        if label is not None and label != voltage:  # without a name, it may be any two
            files = (chip.folder / f"{voltage}_input", chip.folder / f"{current}_input")
            yield Sensor(chip.named(label), files, _WATTS_PER_UW)  # mV times mA
