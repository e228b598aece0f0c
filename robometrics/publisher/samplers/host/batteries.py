"""Batteries and whether the host is plugged in: ``/sys/class/power_supply``.

https://docs.kernel.org/power/power_supply_class.html; µV, µA and µW.
"""

from __future__ import annotations

from pathlib import Path

from robometrics.publisher.samplers.host.instances import key
from robometrics.publisher.samplers.host.machine import (
    Files,
    Read,
    Value,
    Values,
    names_in,
    text,
)

BATTERIES_MAX = 4
_PER_MICRO = 1e-6


def begin(files: Files) -> Read:
    folder = files.machine.sys / "class/power_supply"

    def read() -> Values:
        supplies = [folder / name for name in names_in(folder)]
        own = [each for each in supplies if text(each / "scope") != "Device"]
        batteries = [each for each in own if text(each / "type") == "Battery"]
        values: Values = {}
        for each in batteries[:BATTERIES_MAX]:
            values |= battery(each)
        online = [number(each / "online") for each in own if each not in batteries]
        known = [each for each in online if each is not None]
        if known:
            values["external_power_flag"] = int(any(known))
        if not values:
            raise FileNotFoundError(f"no power supply in {folder}")
        return values

    return read


def battery(folder: Path) -> Values:
    """Return charge, voltage and power of one battery, as far as it tells them."""
    voltage_uv = number(folder / "voltage_now")
    readings: dict[str, Value] = {
        "battery_percent": number(folder / "capacity"),
        "battery_volts": _per_micro(voltage_uv),
        "battery_watts": power_watts(
            text(folder / "status"),
            number(folder / "power_now"),
            number(folder / "current_now"),
            voltage_uv,
        ),
    }
    return {
        key(metric, folder.name): value
        for metric, value in readings.items()
        if value is not None
    }


def power_watts(
    status: str, power_uw: int | None, current_ua: int | None, voltage_uv: int | None
) -> float | None:
    """Return the power into a battery; negative while it discharges.

    Drivers disagree on the sign of what they tell, so *status* decides.
    """
    if power_uw is None and current_ua is not None and voltage_uv is not None:
        power_uw = round(current_ua * voltage_uv * _PER_MICRO)
    if power_uw is None:
        return None
    return _per_micro(-abs(power_uw) if status == "Discharging" else abs(power_uw))


def _per_micro(value: int | None) -> float | None:
    return None if value is None else round(value * _PER_MICRO, 6)


def number(file: Path) -> int | None:
    try:
        return int(text(file))
    except ValueError:
        return None
