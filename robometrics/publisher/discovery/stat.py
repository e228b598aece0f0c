"""What one line of ``/proc/PID/stat`` tells of a process, and who is asked for it."""

from __future__ import annotations

import os
import time
from typing import NamedTuple, Protocol

from robometrics import runtime
from robometrics.publisher.discovery.facts import read

_KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD of the flags, see proc(5)
_ENDED = (b"Z", b"X")
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """One process at one time."""

    start_ticks: int
    parent: int
    group: int
    session: int
    comm: str
    image: tuple[bytes, ...]
    """Changes with each exec: the name, and where code and stack lie (where this worker
    may know; else zeros)."""

    is_program: bool
    """Neither a thread of the kernel, nor ended and waiting to be reaped."""


class Kernel(Protocol):
    """Where processes are seen."""

    def pids(self) -> list[int]: ...

    def last_pid(self) -> int:
        """Return the pid given last; a smaller one than before: they began anew."""

    def stat(self, pid: int) -> Stat | None:
        """Return ``None`` if there is no such process."""

    def now_ticks(self) -> int:
        """Return the time on the clock of the start times."""


class ProcKernel:
    """Reads ``/proc``."""

    def pids(self) -> list[int]:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208

    def last_pid(self) -> int:
        return int(read("/proc/loadavg", 100).rsplit(None, 1)[1])

    def stat(self, pid: int) -> Stat | None:
        raw = read(f"/proc/{pid}/stat", 1_024)
        return parse_stat(raw) if raw else None

    def now_ticks(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _TICK_NS


def parse_stat(raw: bytes) -> Stat:
    """Return what is in ``/proc/PID/stat`` (see proc(5))."""
    fields = runtime.stat_fields(raw)
    comm = raw[raw.index(b"(") + 1 : raw.rindex(b")")]
    return Stat(
        start_ticks=int(fields[19]),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        comm=comm.decode(errors="replace"),
        image=(comm, *fields[20].split(b" ", 6)[3:6]),
        is_program=not int(fields[6]) & _KERNEL_THREAD and fields[0] not in _ENDED,
    )
