"""What the kernel counts of this process, read at both ends of a block.

The names are the fields of ``Measurement``; one that cannot be read here is not there.
Clocks are read last at the beginning and first at the end, so that the rest of the
reading lies outside of what is measured.
"""

from __future__ import annotations

import os
import threading
import time

try:
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
except ImportError:  # Windows
    HAS_USAGE = False
else:
    HAS_USAGE = True

Counters = dict[str, int]

NAMES = (
    *("wall_time_ns", "cpu_time_ns", "thread_cpu_time_ns"),
    *("cpu_user_time_ns", "cpu_system_time_ns", "children_cpu_time_ns"),
    *("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches"),
    *("io_read_bytes", "io_write_bytes", "syscall_read_bytes", "syscall_write_bytes"),
)


class Beginning:
    """Where the counters stood when a block began, and of which thread."""

    __slots__ = ("_counters", "_pid", "_thread", "at_ns")

    def __init__(self) -> None:
        self.at_ns = time.time_ns()
        self._pid = os.getpid()
        self._thread = threading.get_ident()
        counters, itself_bytes = _read_io()
        if counters:  # the next reading will have counted this one
            counters["syscall_read_bytes"] += itself_bytes
        counters.update(_read_usage())
        counters.update(_read_clocks())
        self._counters = counters

    def until_now(self) -> dict[str, int | None]:
        """Return by how much each counter rose; ``None`` for one not known."""
        end = _read_clocks()
        end.update(_read_usage())
        end.update(_read_io()[0])
        begin = self._counters
        if os.getpid() != self._pid:
            begin = _at_fork(begin)
        if threading.get_ident() != self._thread:
            del end["thread_cpu_time_ns"]
        return difference(begin, end)


def difference(begin: Counters, end: Counters) -> dict[str, int | None]:
    """Return what passed between two readings."""
    return {
        name: max(0, end[name] - begin[name]) if name in begin and name in end else None
        for name in NAMES
    }


def _at_fork(begin: Counters) -> Counters:
    """Return the beginning for a forked child: all but time starts from 0 there."""
    return dict.fromkeys(begin, 0) | {"wall_time_ns": begin["wall_time_ns"]}


def _read_clocks() -> Counters:
    # Evaluated in this order; at the beginning a CPU clock so misses one call or two.
    return {
        "wall_time_ns": time.perf_counter_ns(),
        "cpu_time_ns": time.process_time_ns(),
        "thread_cpu_time_ns": time.thread_time_ns(),
    }


def _read_usage() -> Counters:
    if not HAS_USAGE:
        return {}
    usage = getrusage(RUSAGE_SELF)
    children = getrusage(RUSAGE_CHILDREN)
    return {
        "cpu_user_time_ns": round(usage.ru_utime * 1e9),
        "cpu_system_time_ns": round(usage.ru_stime * 1e9),
        "children_cpu_time_ns": round((children.ru_utime + children.ru_stime) * 1e9),
        "minor_faults": usage.ru_minflt,
        "major_faults": usage.ru_majflt,
        "voluntary_switches": usage.ru_nvcsw,
        "involuntary_switches": usage.ru_nivcsw,
    }


def _read_io() -> tuple[Counters, int]:
    """Return what was read and written, and how many bytes it took to know."""
    try:
        data = read_own("io")
        return parse_io(data), len(data)
    except (OSError, ValueError, LookupError):
        return {}, 0


def parse_io(data: bytes) -> Counters:
    """Return the bytes in ``/proc/PID/io``, see proc(5).

    Raises:
        ValueError, LookupError: It is not as expected.
    """
    words = data.split()
    found = dict(zip(words[::2], words[1::2], strict=True))
    return {
        "io_read_bytes": int(found[b"read_bytes:"]),
        "io_write_bytes": int(found[b"write_bytes:"]),
        "syscall_read_bytes": int(found[b"rchar:"]),
        "syscall_write_bytes": int(found[b"wchar:"]),
    }


def read_own(name: str) -> bytes:
    """Return ``/proc/self/NAME``, opened each time: after a fork it is another file.

    Raises:
        OSError: There is none, or it may not be read.
    """
    descriptor = os.open(f"/proc/self/{name}", os.O_RDONLY)
    try:
        return os.read(descriptor, 8192)
    finally:
        os.close(descriptor)
