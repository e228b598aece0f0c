"""What the files of a cgroup say, in the units we publish.

Version 2: Linux ``Documentation/admin-guide/cgroup-v2.rst``. Version 1: ``cgroup-v1/``
beside it. Each parser takes a file's text, and leaves out what is not in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

_NS_PER_US = 1_000
_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_NO_LIMIT_BYTES = 1 << 62
"""Version 1 writes the biggest multiple of a page for no limit."""

Values = dict[str, int]
Parser = Callable[[str], Values]


def _table(text: str) -> dict[str, int]:
    """Return the lines of a name and a number; the file may have others."""
    pairs = (line.partition(" ") for line in text.splitlines())
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


def _renamed(factor: int, **names: str) -> Parser:
    """Parse a table: our name by the kernel's, times *factor*."""

    def parse(text: str) -> Values:
        table = _table(text)
        return {
            ours: table[name] * factor for ours, name in names.items() if name in table
        }

    return parse


def _number(name: str) -> Parser:
    """Parse a single number; ``max`` and what means it is no value."""

    def parse(text: str) -> Values:
        word = text.strip()
        if not word.isdigit() or int(word) >= _NO_LIMIT_BYTES:
            return {}
        return {name: int(word)}

    return parse


def _pressure(resource: str) -> Parser:
    """Parse the totals of pressure stall information, in µs."""

    def parse(text: str) -> Values:
        values = {}
        for line in text.splitlines():
            kind, _, rest = line.partition(" ")
            full = "_full" if kind == "full" else ""
            name = f"cgroup_{resource}_pressure{full}_time_ns"
            values[name] = int(rest.rpartition("total=")[2]) * _NS_PER_US
        return values

    return parse


def parse_cpu_stat(text: str) -> Values:
    """Parse ``cpu.stat`` of v2, where times are in µs."""
    return {**_CPU_TIMES(text), **_THROTTLES(text)}


def parse_io_stat(text: str) -> Values:
    """Parse ``io.stat`` of v2: a line for each device, summed over them."""
    read = re.findall(r"\brbytes=(\d+)", text)
    return _io(read, re.findall(r"\bwbytes=(\d+)", text))


def _io(read: list[str], written: list[str]) -> Values:
    return {
        "cgroup_io_read_bytes_total": sum(map(int, read)),
        "cgroup_io_write_bytes_total": sum(map(int, written)),
    }


def parse_blkio(text: str) -> Values:
    """Parse ``blkio.throttle.io_service_bytes`` of v1: device, kind, bytes a line."""
    read = re.findall(r"^\S+ Read (\d+)$", text, re.MULTILINE)
    written = re.findall(r"^\S+ Write (\d+)$", text, re.MULTILINE)
    return _io(read, written)


def parse_v1_cpu(text: str) -> Values:
    """Parse ``cpu.stat`` of v1, where the time throttled is in ns."""
    return {**_V1_THROTTLED(text), **_THROTTLES(text)}


_CPU_TIMES = _renamed(
    _NS_PER_US,
    cgroup_cpu_time_ns="usage_usec",
    cgroup_cpu_user_time_ns="user_usec",
    cgroup_cpu_system_time_ns="system_usec",
    cgroup_cpu_throttled_time_ns="throttled_usec",
)
_THROTTLES = _renamed(1, cgroup_cpu_throttles_total="nr_throttled")
_V1_THROTTLED = _renamed(1, cgroup_cpu_throttled_time_ns="throttled_time")

V2_FILES: dict[str, Parser] = {
    "cpu.stat": parse_cpu_stat,
    "memory.current": _number("cgroup_memory_current_bytes"),
    "memory.peak": _number("cgroup_memory_peak_bytes"),
    "memory.max": _number("cgroup_memory_limit_bytes"),
    "memory.events": _renamed(1, cgroup_oom_kills_total="oom_kill"),
    "pids.current": _number("cgroup_task_count"),
    "io.stat": parse_io_stat,
    "cpu.pressure": _pressure("cpu"),
    "memory.pressure": _pressure("memory"),
    "io.pressure": _pressure("io"),
}
V1_FILES: dict[str, dict[str, Parser]] = {
    "cpuacct": {
        "cpuacct.usage": _number("cgroup_cpu_time_ns"),
        "cpuacct.stat": _renamed(
            _NS_PER_TICK,
            cgroup_cpu_user_time_ns="user",
            cgroup_cpu_system_time_ns="system",
        ),
    },
    "cpu": {"cpu.stat": parse_v1_cpu},
    "memory": {
        "memory.usage_in_bytes": _number("cgroup_memory_current_bytes"),
        "memory.max_usage_in_bytes": _number("cgroup_memory_peak_bytes"),
        "memory.limit_in_bytes": _number("cgroup_memory_limit_bytes"),
        "memory.oom_control": _renamed(1, cgroup_oom_kills_total="oom_kill"),
    },
    "pids": {"pids.current": _number("cgroup_task_count")},
    "blkio": {"blkio.throttle.io_service_bytes_recursive": parse_blkio},
}
