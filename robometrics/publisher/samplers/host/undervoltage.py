"""Whether a Raspberry Pi lacks voltage, or is throttled, right now.

Its firmware tells both in one word, see ``vcgencmd get_throttled`` in
https://www.raspberrypi.com/documentation/computers/os.html; newer kernels tell the
first as an alarm of the ``rpi_volt`` chip.
"""

from __future__ import annotations

from robometrics.publisher.samplers.host import hwmon
from robometrics.publisher.samplers.host.machine import Files, Read, Values, text

_WORD = "devices/platform/soc/soc:firmware/get_throttled"
_UNDER_VOLTAGE = 0x1
_THROTTLED = 0x2 | 0x4 | 0x8  # frequency capped, throttled, soft temperature limit


def begin(files: Files) -> Read:
    machine = files.machine
    alarms = [
        chip.folder / "in0_lcrit_alarm"
        for chip in hwmon.chips(machine)
        if chip.name == "rpi_volt"
    ]
    word = machine.sys / _WORD
    if not alarms and not word.exists():
        raise FileNotFoundError(f"no {word}")

    def read() -> Values:
        values: Values = {}
        if alarms:
            values["under_voltage_flag"] = int(text(alarms[0]))
        if word.exists():
            values |= parse(text(word))
        return values

    return read


def parse(word: str) -> Values:
    """Return the flags in what the firmware says, a hexadecimal number."""
    bits = int(word, 16)
    return {
        "under_voltage_flag": int(bool(bits & _UNDER_VOLTAGE)),
        "cpu_throttled_flag": int(bool(bits & _THROTTLED)),
    }
