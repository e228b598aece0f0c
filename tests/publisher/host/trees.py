"""Machines recorded as folders: what their ``/proc`` and ``/sys`` say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from robometrics.publisher.kernel_clock import KernelClock
from robometrics.publisher.samplers.host import Machine

HOST_NAMESPACE = "-> pid:[4026531836]"
OTHER_NAMESPACE = "-> pid:[4026532511]"

Tree = dict[str, str]
"""Content by path; ``-> target`` is a link, a path that ends in ``/`` a folder."""


def plant(root: Path, tree: Mapping[str, str], mounts: Mapping[str, int]) -> Machine:
    """Make a machine of *tree* in *root*, with GiB in all of each of its *mounts*."""
    for name, content in tree.items():
        put(root, name, content)
    (root / "sys").mkdir(exist_ok=True)
    return Machine(
        proc=root / "proc",
        sys=root / "sys",
        statvfs=lambda path: statvfs(mounts[path]),
        is_folder=mounts.__contains__,
        kernel_clock=lambda: KernelClock(True, 1_500, -12_345.678, 4_000),
        since_boot_ns=lambda: 3_600_000_000_000,
    )


def put(root: Path, name: str, content: str) -> None:
    path = root / name
    if name.endswith("/"):
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if content.startswith("-> "):
        path.symlink_to(content.removeprefix("-> "))
    else:
        path.write_text(content)


def statvfs(gib: int) -> os.statvfs_result:
    """Return what *gib* in all look like, half of them used, a twentieth reserved."""
    blocks = gib * 2**18
    free, available = blocks // 2, blocks // 2 - blocks // 20
    return os.statvfs_result(
        (4096, 4096, blocks, free, available, 1_000, 400, 400, 0, 255)
    )


def stat(cores: int) -> str:
    """Core *i* worked ``100 * (i + 1)`` ticks, in each of which it was also idle."""
    lines = [
        f"cpu{i} {60 * (i + 1)} 0 {40 * (i + 1)} 900 7 0 0 0 0 0" for i in range(cores)
    ]
    whole = sum(range(1, cores + 1))
    return "\n".join(
        [
            f"cpu  {60 * whole} 0 {40 * whole} {900 * cores} {7 * cores} 0 0 0 0 0",
            *lines,
            "intr 5000 0 17 0 0 0 0 0 0 1",
            "ctxt 9000\nbtime 1700000000\nprocesses 700\nprocs_running 2",
            "procs_blocked 1\nsoftirq 400 0 1 2 3\n",
        ]
    )


def diskstats(**disks: int) -> str:
    """Each disk has made *n* reads of 8 sectors and *n* writes of 16."""
    return "".join(
        f"   8       0 {name} {n} 0 {8 * n} 5 {n} 0 {16 * n} 9 0 {2 * n} {3 * n} 0 0\n"
        for name, n in disks.items()
    )


def net_dev(**interfaces: int) -> str:
    """Each interface has received *n* packets of 100 bytes, and sent *n* of 50."""
    header = "Inter-|   Receive  |  Transmit\n face |bytes packets |bytes packets\n"
    return header + "".join(
        f"{name:>6}: {100 * n} {n} 1 2 0 0 0 0 {50 * n} {n} 3 4 0 0 0 0\n"
        for name, n in interfaces.items()
    )


MEMINFO = """\
MemTotal:        8000000 kB
MemFree:         2000000 kB
MemAvailable:    5000000 kB
Buffers:          100000 kB
Cached:          1500000 kB
SwapCached:            0 kB
SwapTotal:       1000000 kB
SwapFree:         600000 kB
Dirty:               128 kB
Shmem:             64000 kB
Slab:             200000 kB
"""
VMSTAT = "nr_free_pages 1\npswpin 3\npswpout 5\npgfault 9\npgmajfault 7\noom_kill 1\n"
PRESSURE = """\
some avg10=0.00 avg60=0.00 avg300=0.00 total=2000
full avg10=0.00 avg60=0.00 avg300=0.00 total=1000
"""


def base(cores: int) -> Tree:
    """What every Linux has."""
    return {
        "proc/stat": stat(cores),
        "proc/meminfo": MEMINFO,
        "proc/vmstat": VMSTAT,
        "proc/loadavg": "0.50 1.25 2.00 3/450 12345\n",
        "proc/sys/fs/file-nr": "1632\t0\t9223372036854775807\n",
        "proc/pressure/cpu": PRESSURE,
        "proc/pressure/memory": PRESSURE,
        "proc/pressure/io": PRESSURE,
        "proc/self/ns/pid": HOST_NAMESPACE,
        "proc/self/cgroup": "0::/system.slice/robometrics.service\n",
    }


def hwmon(number: int, device: str, files: Mapping[str, str]) -> Tree:
    """A chip of ``hwmon``, as a link to where its device is."""
    place = f"devices/{device}/hwmon{number}"
    tree = {f"sys/{place}/{name}": content for name, content in files.items()}
    tree[f"sys/class/hwmon/hwmon{number}"] = f"-> ../../{place}"
    return tree


class Recorded(msgspec.Struct):
    """A machine with its mounts: path to GiB."""

    tree: Tree
    mounts: dict[str, int]

    def plant(self, root: Path) -> Machine:
        return plant(root, self.tree, self.mounts)
