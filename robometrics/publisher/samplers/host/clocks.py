"""Time since the boot, and how well the wall clock is kept."""

from __future__ import annotations

from robometrics.publisher.samplers.host.machine import Files, Read, Values


def begin_uptime(files: Files) -> Read:
    machine = files.machine
    return lambda: {"uptime_ns": machine.since_boot_ns()}


def begin(files: Files) -> Read:
    ask = files.machine.kernel_clock

    def read() -> Values:
        clock = ask()
        if clock is None:
            raise FileNotFoundError("the kernel does not tell of its clock")
        return {
            "clock_synchronised_flag": int(clock.is_synchronised),
            "clock_error_ns": clock.estimated_error_ns,
            "clock_slew_ns": clock.offset_ns,
            "clock_frequency_ppb": round(clock.frequency_ppb, 3),
        }

    return read
