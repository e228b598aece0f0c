"""Load averages and how many threads there are: ``/proc/loadavg``."""

from __future__ import annotations

from robometrics.publisher.samplers.host.machine import Values


def parse(loadavg: bytes) -> Values:
    """Return the metrics in ``/proc/loadavg``, as in ``0.20 0.18 0.12 1/80 11206``."""
    one, five, fifteen, tasks, _ = loadavg.split()
    return {
        "load_1m": float(one),
        "load_5m": float(five),
        "load_15m": float(fifteen),
        "thread_count": int(tasks.partition(b"/")[2]),
    }
