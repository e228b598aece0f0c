"""CPU time of the host, by mode and by core: ``/proc/stat`` (see proc_stat(5))."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

from robometrics.publisher.samplers.host.instances import key
from robometrics.publisher.samplers.host.machine import Files, Read, Values

CORES_MAX = 128
"""Cores beyond are in the total only."""

_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK") if os.name == "posix" else 0


def begin(files: Files) -> Read:
    """Read the file once a second; waiting for I/O is kept from running back."""
    file = files.open(files.machine.proc / "stat")
    iowait_ns = 0

    def read() -> Values:
        nonlocal iowait_ns
        values = parse(file.read())
        # The kernel estimates it, and may take some back.
        iowait_ns = max(iowait_ns, int(values["cpu_iowait_time_ns"] or 0))
        values["cpu_iowait_time_ns"] = iowait_ns
        return values

    return read


def parse(stat: bytes) -> Values:
    """Return the metrics in ``/proc/stat``."""
    cores, _, rest = stat.partition(b"\nintr ")
    lines = cores.split(b"\n")
    user, nice, system, _, iowait, irq, softirq, steal = _ticks(lines[0])
    busy = user + nice + system + irq + softirq + steal
    values: Values = {
        "cpu_count": len(lines) - 1,
        "cpu_time_ns": busy * _NS_PER_TICK,
        "cpu_user_time_ns": (user + nice) * _NS_PER_TICK,
        "cpu_system_time_ns": system * _NS_PER_TICK,
        "cpu_iowait_time_ns": iowait * _NS_PER_TICK,
        "cpu_irq_time_ns": (irq + softirq) * _NS_PER_TICK,
        "cpu_steal_time_ns": steal * _NS_PER_TICK,
        "interrupts_total": int(rest[: rest.index(b" ")]),
    }
    for line in lines[1 : CORES_MAX + 1]:
        user, nice, system, _, _, irq, softirq, steal = _ticks(line)
        busy = user + nice + system + irq + softirq + steal
        values[_key(line[: line.index(b" ")])] = busy * _NS_PER_TICK
    for line in rest[rest.index(b"\n") + 1 :].splitlines():
        name, _, count = line.partition(b" ")
        metric = _COUNTS.get(name)
        if metric is not None:
            values[metric] = int(count)
    return values


_COUNTS = {
    b"ctxt": "context_switches_total",
    b"processes": "forks_total",
    b"procs_running": "tasks_running_count",
    b"procs_blocked": "tasks_blocked_count",
}


def _ticks(line: bytes) -> Sequence[int]:
    """Return user, nice, system, idle, iowait, irq, softirq and steal.

    The guests behind them are counted in user and nice already.
    """
    return list(map(int, line.split(None, 9)[1:9]))


@lru_cache(maxsize=1024)
def _key(core: bytes) -> str:
    return key("cpu_time_ns", core.decode().removeprefix("cpu"))
