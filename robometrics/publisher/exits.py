"""How a process ended that is not our child: its exit code, or the signal."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from robometrics import runtime

try:
    from fcntl import ioctl
except ImportError:  # Windows
    ioctl = None  # type: ignore[assignment]

_GET_INFO = 0xC040_FF0B
"""``PIDFD_GET_INFO``: ``_IOWR(0xFF, 11, struct pidfd_info)`` of 64 bytes, see Linux
``include/uapi/linux/pidfd.h``. MIPS, PowerPC and SPARC refuse it: theirs differs."""

_INFO_EXIT = 1 << 3
_INFO = struct.Struct("=QQ11Ii")
"""``struct pidfd_info``: mask, cgroup id, eleven ids, and the exit code."""


def exit_code(pid: int, start_ticks: int, pidfd: int | None) -> int | None:
    """Return how the process ended, as Python's ``subprocess`` has it: -n for signal n.

    A zombie tells those who might trace it. After it was waited for, its pidfd tells
    everybody, from Linux 6.15 on. ``None`` if neither does, or it has not ended.

    Args:
        pid: Its pid.
        start_ticks: Its kernel start time, so that no other process answers.
        pidfd: Opened while it was there.
    """
    status = _of_zombie(pid, start_ticks)
    if status is None and pidfd is not None:
        status = _of_pidfd(pidfd)
    return None if status is None else os.waitstatus_to_exitcode(status)


def parse_zombie(stat: bytes, start_ticks: int) -> int | None:
    """Return the wait status at the end of ``/proc/PID/stat`` (see proc(5))."""
    fields = runtime.stat_fields(stat)
    if fields[0] != b"Z" or int(fields[19]) != start_ticks:
        return None
    return int(stat.split()[-1])


def _of_zombie(pid: int, start_ticks: int) -> int | None:
    directory = Path(f"/proc/{pid}")
    try:
        stat = (directory / "stat").read_bytes()
        status = parse_zombie(stat, start_ticks)
        # Who may not trace it reads 0 there; the same right opens io.
        return status if status != 0 or (directory / "io").read_bytes() else None
    except OSError:
        return None


def _of_pidfd(pidfd: int) -> int | None:
    info = bytearray(_INFO.pack(_INFO_EXIT, *[0] * 13))
    try:
        ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return None  # an older kernel, or it has not ended
    mask, *_, status = _INFO.unpack(info)
    return status if mask & _INFO_EXIT else None
