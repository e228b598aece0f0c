"""What the container that the worker runs in may use, and does.

Nothing on a host; nothing of what is not limited.
"""

from __future__ import annotations

from robometrics.publisher.samplers.host import cgroups
from robometrics.publisher.samplers.host.machine import Files, Read, Values

_NS_PER_US = 1_000


def begin(files: Files) -> Read:
    """Look for the limits at each reading, as they can be changed at any time."""
    machine = files.machine
    _require_container(files)

    def read() -> Values:
        values: Values = {}
        cpu = cgroups.cpu_limit(machine)
        if cpu is not None:
            values["cpu_limit_cores"] = round(cpu.cores, 3)
        memory = cgroups.memory_limit(machine)
        if memory is not None:
            values["memory_limit_bytes"] = memory.limit_bytes
            values["memory_limit_used_bytes"] = used_bytes(memory.group)
        return values

    return read


def begin_throttling(files: Files) -> Read:
    """Read how long the container had to wait for the next period of its quota."""
    _require_container(files)
    limit = cgroups.cpu_limit(files.machine)
    if limit is None:
        raise FileNotFoundError("no quota of CPU time")
    file = files.open(limit.group.folder / "cpu.stat")
    return lambda: {"cpu_limit_throttled_time_ns": throttled_ns(file.read())}


def throttled_ns(cpu_stat: bytes) -> int:
    """Return the throttled time in ``cpu.stat`` of either version."""
    for line in cpu_stat.splitlines():
        name, _, count = line.partition(b" ")
        if name == b"throttled_usec":
            return int(count) * _NS_PER_US
        if name == b"throttled_time":
            return int(count)
    raise ValueError("cpu.stat tells no throttled time")


def used_bytes(group: cgroups.Group) -> int:
    """Return what counts against the limit and cannot simply be dropped.

    File pages that nobody used of late are given up first, so they are left out, as
    Kubernetes does (its "working set").
    """
    current, inactive = (
        ("memory.usage_in_bytes", b"total_inactive_file ")
        if group.version == 1
        else ("memory.current", b"inactive_file ")
    )
    used = int((group.folder / current).read_bytes())
    for line in (group.folder / "memory.stat").read_bytes().splitlines():
        if line.startswith(inactive):
            return max(used - int(line[len(inactive) :]), 0)
    return used


def _require_container(files: Files) -> None:
    if not cgroups.is_contained(files.machine):
        raise FileNotFoundError("not in a container")
