"""How often and how long the processor was slowed down: heat, or want of current.

Intel counts by package (``thermal_throttle``); a Jetson counts its over-current alarms
(``soctherm_oc``, one of the chips of ``hwmon``).
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
    Values,
    names_in,
    text,
)

_NS_PER_MS = 1_000_000
_COUNT = "package_throttle_count"
_CORE = re.compile(r"cpu\d+")
_TIME_MS = "package_throttle_total_time_ms"


def begin(files: Files) -> Read:
    packages = list(_packages(files.machine))
    sums = [
        ("cpu_throttles_total", 1, [each / _COUNT for each in packages]),
        ("cpu_throttled_time_ns", _NS_PER_MS, [each / _TIME_MS for each in packages]),
        ("over_current_events_total", 1, list(_over_current(files.machine))),
    ]
    opened = [
        (metric, scale, [files.open(path) for path in paths])
        for metric, scale, paths in sums
        if paths and all(path.exists() for path in paths)
    ]
    if not opened:
        raise FileNotFoundError("nothing counts throttling")

    def read() -> Values:
        return {
            metric: scale * sum(int(file.read()) for file in sources)
            for metric, scale, sources in opened
        }

    return read


def _packages(machine: Machine) -> Iterator[Path]:
    """Yield one core's folder of each package."""
    folder = machine.sys / "devices/system/cpu"
    seen = set()
    for cpu in filter(_CORE.fullmatch, names_in(folder)):
        package = text(folder / cpu / "topology/physical_package_id")
        throttle = folder / cpu / "thermal_throttle"
        if package and package not in seen and (throttle / _COUNT).exists():
            seen.add(package)
            yield throttle


def _over_current(machine: Machine) -> Iterator[Path]:
    for chip in hwmon.chips(machine):
        for name in chip.files:
            if name.startswith("oc") and name.endswith("_event_cnt"):
                yield chip.folder / name
