"""Processes of other pid namespaces, as this worker's kernel view shows them.

A process has one pid in each namespace from the one it is in up to the first. ``/proc``
shows those from the reader's own on (``NSpid``, see proc(5)), and the namespace itself
to readers that might trace the process (``ns/pid``, see pid_namespaces(7)).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from robometrics import runtime

FIRST_NAMESPACE = 0xEFFFFFFC
"""Inode of the pid namespace that holds all processes (``PROC_PID_INIT_INO``)."""

_ALL_USERS = str(2**32 - 1)
_NS_GET_PARENT = 0xB702  # _IO(NSIO, 2), see ioctl_ns(2)


def started_at(ticks: set[int]) -> list[int]:
    """Return the processes whose kernel start time is one of *ticks*."""
    return [
        int(name)
        for name in os.listdir("/proc")  # noqa: PTH208  a thousand times a second
        if name.isdecimal() and runtime.start_ticks(name) in ticks
    ]


def pids_of(pid: int) -> list[int]:
    """Return the pids of one process: here first, where it runs last.

    Empty once it is gone.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return []
    return parse_nspid(status)


def parse_nspid(status: bytes) -> list[int]:
    """Return the pids in ``/proc/PID/status``, outermost first."""
    for line in status.splitlines():
        if line.startswith(b"NSpid:"):
            return [int(each) for each in line.split()[1:]]
    return []


def namespaces_of(pid: int) -> list[int]:
    """Return the inodes of the namespaces of a process, its own first.

    Up to the last that this process may look at; empty if not even the first.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    return list(_upwards(descriptor))


def _upwards(descriptor: int) -> Iterator[int]:
    while True:
        try:
            yield os.fstat(descriptor).st_ino
            parent = fcntl.ioctl(descriptor, _NS_GET_PARENT)
        except OSError:
            return  # EPERM: the next one is beyond this process's own
        finally:
            os.close(descriptor)
        descriptor = parent


def sees_everything() -> bool:
    """Tell whether no process of this kernel is hidden from this one."""
    in_first = runtime.pid_namespace() == FIRST_NAMESPACE
    return in_first and runtime.start_ticks(1) is not None  # else mounted with hidepid


def has_all_users() -> bool:
    """Tell whether each user of this kernel has a number in this one's namespace."""
    try:
        mapped = Path("/proc/self/uid_map").read_text("ascii").split()
    except OSError:
        return True  # a kernel without user namespaces
    return mapped == ["0", "0", _ALL_USERS]
