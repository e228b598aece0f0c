"""Time that work stood still for want of something: pressure stall information.

https://docs.kernel.org/accounting/psi.html. *Some*: at least one task waited; *full*:
all that were not idle did, so nothing got done. For CPU the latter means nothing on a
whole host.
"""

from __future__ import annotations

from robometrics.publisher.samplers.host.machine import Files, Read, Values

_NS_PER_US = 1_000
_METRICS = {
    "cpu": ("cpu_pressure_time_ns",),
    "memory": ("memory_pressure_time_ns", "memory_pressure_full_time_ns"),
    "io": ("io_pressure_time_ns", "io_pressure_full_time_ns"),
}


def begin(files: Files) -> Read:
    folder = files.machine.proc / "pressure"
    opened = [(files.open(folder / name), _METRICS[name]) for name in _METRICS]

    def read() -> Values:
        values: Values = {}
        for file, metrics in opened:
            values.update(zip(metrics, parse(file.read()), strict=False))
        return values

    return read


def parse(pressure: bytes) -> list[int]:
    """Return the totals in ns: *some*, then *full* where the kernel tells it."""
    _, *totals = pressure.split(b"total=")
    return [int(each[: each.index(b"\n")]) * _NS_PER_US for each in totals]
