"""Swapping, faults and kills for want of memory: ``/proc/vmstat``."""

from __future__ import annotations

import os

from robometrics.publisher.samplers.host.fields import number_after
from robometrics.publisher.samplers.host.machine import Files, Read, Values

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if os.name == "posix" else 0
_METRICS = (
    (b"\npswpin ", "swap_in_bytes_total", _PAGE_BYTES),
    (b"\npswpout ", "swap_out_bytes_total", _PAGE_BYTES),
    (b"\npgmajfault ", "major_faults_total", 1),
    (b"\noom_kill ", "oom_kills_total", 1),
)


def begin(files: Files) -> Read:
    file = files.open(files.machine.proc / "vmstat")
    return lambda: parse(file.read_records())


def parse(vmstat: bytes) -> Values:
    """Return the metrics in ``/proc/vmstat``; a kernel without one leaves it out."""
    values: Values = {}
    for name, metric, scale in _METRICS:
        count = number_after(vmstat, name)
        if count is not None:
            values[metric] = count * scale
    return values
