"""How fast cores are clocked, and may be: ``cpufreq``.

https://docs.kernel.org/admin-guide/pm/cpufreq.html
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from robometrics.publisher.samplers.host.machine import (
    Files,
    Read,
    Values,
    names_in,
    text,
)

_HERTZ_PER_KHZ = 1_000


def begin(files: Files) -> Read:
    folder = files.machine.sys / "devices/system/cpu/cpufreq"

    def read() -> Values:
        policies = [name for name in names_in(folder) if name.startswith("policy")]
        return summary(map(_policy, (folder / name for name in policies)))

    return read


def summary(policies: Iterable[tuple[int, int, int] | None]) -> Values:
    """Return the metrics of all *policies*: current, allowed and highest possible kHz.

    Raises:
        FileNotFoundError: There is none that tells.
    """
    known = [policy for policy in policies if policy is not None]
    if not known:
        raise FileNotFoundError("no core tells its frequency")
    current_khz = [current for current, _, _ in known]
    allowed = [allowed / possible for _, allowed, possible in known if possible]
    values: Values = {
        "cpu_frequency_hertz": sum(current_khz) * _HERTZ_PER_KHZ // len(known),
        "cpu_frequency_lowest_hertz": min(current_khz) * _HERTZ_PER_KHZ,
        "cpu_frequency_highest_hertz": max(current_khz) * _HERTZ_PER_KHZ,
    }
    if allowed:
        values["cpu_frequency_limit_percent"] = min(100.0, round(100 * min(allowed), 1))
    return values


def _policy(folder: Path) -> tuple[int, int, int] | None:
    current, allowed, possible = (
        text(folder / name)
        for name in ("scaling_cur_freq", "scaling_max_freq", "cpuinfo_max_freq")
    )
    if not current.isdecimal():  # offline, or "<unknown>"
        return None
    if not (allowed.isdecimal() and possible.isdecimal()):
        return int(current), 0, 0
    return int(current), int(allowed), int(possible)
