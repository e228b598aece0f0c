"""Pids as the driver counts them, in the worker's own pid namespace.

NVML knows the host's pids only. A worker on the host needs no translation; one in a
container does, and can make it only where the host's ``/proc`` is mounted into it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from robometrics.publisher.samplers.gpu.sysfs import read_text

INITIAL_PID_NAMESPACE = 0xEFFFFFFC
"""``PROC_PID_INIT_INO`` of the kernel: the inode of the host's own."""

HOST_PROC = "host/proc"
"""Where containers that measure their host have its ``/proc`` mounted."""


class HostPids:
    """Translates pids of the host."""

    def __init__(self, root: Path) -> None:
        self._host_proc = root / HOST_PROC
        self._namespace = _inode(root / "proc/self/ns/pid")

    @property
    def can_translate(self) -> bool:
        """Whether pids of the host can be told from others at all."""
        return self._is_host or (self._host_proc / "1").exists()

    @property
    def _is_host(self) -> bool:
        return self._namespace in (None, INITIAL_PID_NAMESPACE)

    def translate(self, pids: Collection[int]) -> dict[int, int]:
        """Return the pid here of each of *pids* that is in the worker's namespace."""
        if self._is_host:
            return {pid: pid for pid in pids}
        found = {}
        for pid in pids:
            of_process = self._host_proc / str(pid)
            if _inode(of_process / "ns/pid") == self._namespace:
                inner = innermost_pid(read_text(of_process / "status") or "")
                if inner is not None:
                    found[pid] = inner
        return found


def innermost_pid(status: str) -> int | None:
    """Return the pid of a process in its own namespace, of ``/proc/PID/status``."""
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
