"""The control groups a container's processes are in, and what they may use.

https://docs.kernel.org/admin-guide/cgroup-v2.html and, for version 1,
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html. A limit of a group holds for
all below, so the tightest on the way up is the one that is felt.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from robometrics.publisher.samplers.host.machine import Machine, text

_INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO, in every kernel
_UNLIMITED_BYTES = 2**60  # version 1 says so by a number near the highest


class Group(NamedTuple):
    """One control group, and the names that its version has for things."""

    folder: Path
    version: int


class CpuLimit(NamedTuple):
    cores: float
    group: Group


class MemoryLimit(NamedTuple):
    limit_bytes: int
    group: Group


def is_contained(machine: Machine) -> bool:
    """Tell whether the worker sees processes of a container only.

    A worker of the host, be it a service or a container that shares the host's
    processes, measures the host: limits of its own are not the host's.
    """
    try:
        namespace = (machine.proc / "self/ns/pid").readlink()
    except OSError:
        return False
    return str(namespace) != _INITIAL_PID_NAMESPACE


def groups(machine: Machine, controller: str) -> Iterator[Group]:
    """Yield the groups of *controller* the worker is in, from its own one up."""
    root = machine.sys / "fs/cgroup"
    for hierarchy, controllers, path in _memberships(machine):
        if hierarchy == "0" and (root / "cgroup.controllers").exists():
            yield from (Group(folder, 2) for folder in _upwards(root, path))
        elif controller in controllers:
            for mount in (",".join(controllers), controller):
                if (root / mount).is_dir():
                    top = root / mount
                    yield from (Group(folder, 1) for folder in _upwards(top, path))
                    break


def _memberships(machine: Machine) -> Iterator[tuple[str, list[str], str]]:
    for line in text(machine.proc / "self/cgroup").splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        yield hierarchy, controllers.split(","), path


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Yield the folder of *path* and those above it, down to *root*.

    Where the path is the host's and not the container's, *root* is its own group.
    """
    folder = root / path.strip("/")
    if ".." in folder.parts or not folder.is_dir():
        folder = root
    while folder != root:
        yield folder
        folder = folder.parent
    yield root


def cpu_limit(machine: Machine) -> CpuLimit | None:
    """Return the tightest quota of CPU time, in cores."""
    limits = [
        CpuLimit(cores, group)
        for group in groups(machine, "cpu")
        if (cores := _quota(group)) is not None
    ]
    return min(limits, key=lambda limit: limit.cores, default=None)


def _quota(group: Group) -> float | None:
    if group.version == 2:  # noqa: PLR2004
        quota, _, period = text(group.folder / "cpu.max").partition(" ")
    else:
        quota = text(group.folder / "cpu.cfs_quota_us")
        period = text(group.folder / "cpu.cfs_period_us")
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None  # "max", -1, or no such file
    return int(quota) / int(period)


def memory_limit(machine: Machine) -> MemoryLimit | None:
    """Return the tightest limit of memory."""
    limits = [
        MemoryLimit(limit, group)
        for group in groups(machine, "memory")
        if (limit := _limit_bytes(group)) is not None
    ]
    return min(limits, key=lambda limit: limit.limit_bytes, default=None)


def _limit_bytes(group: Group) -> int | None:
    name = "memory.limit_in_bytes" if group.version == 1 else "memory.max"
    limit = text(group.folder / name)
    if not limit.isdecimal() or int(limit) >= _UNLIMITED_BYTES:
        return None
    return int(limit)
