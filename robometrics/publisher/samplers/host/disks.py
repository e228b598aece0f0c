"""Throughput, operations and busy time of disks: ``/proc/diskstats``.

https://docs.kernel.org/admin-guide/iostats.html. Whole disks that are hardware: what
passes through a partition, a loop, a RAID or the device mapper is counted there once.
"""

from __future__ import annotations

import re
from pathlib import Path

from robometrics.publisher.samplers.host.instances import Counters, Selection
from robometrics.publisher.samplers.host.machine import Files, Read, Values

DISKS_MAX = 12
METRICS = (
    "disk_reads_total",
    "disk_read_bytes_total",
    "disk_writes_total",
    "disk_write_bytes_total",
    "disk_busy_time_ns",
    "disk_queue_time_ns",
)
_SECTOR_BYTES = 512  # in these files, whatever the disk's own are
_NS_PER_MS = 1_000_000
_VIRTUAL = re.compile(r"(loop|ram|zram|dm-|md|sr|fd|nbd|drbd|bcache)\d")
_BOOT_PARTITION = re.compile(r"mmcblk\d+(boot\d+|rpmb)")


def begin(files: Files) -> Read:
    file = files.open(files.machine.proc / "diskstats")
    block = files.machine.sys / "block"
    selection = Selection(lambda names: choose(names, block))
    counters = Counters(METRICS, DISKS_MAX)

    def read() -> Values:
        by_name = {}
        for line in file.read_records().splitlines():
            _, _, name, counts = line.split(None, 3)
            by_name[name.decode()] = counts
        chosen = selection.of(list(by_name))
        return counters.values({name: parse(by_name[name]) for name in chosen})

    return read


def parse(counts: bytes) -> tuple[int, ...]:
    """Return the counts of ``METRICS`` in what follows a disk's name."""
    fields = map(int, counts.split(None, 11)[:11])
    reads, _, read, _, writes, _, written, _, _, busy, queue = fields
    return (
        reads,
        read * _SECTOR_BYTES,
        writes,
        written * _SECTOR_BYTES,
        busy * _NS_PER_MS,
        queue * _NS_PER_MS,
    )


def choose(names: list[str], block: Path) -> list[str]:
    """Return which are disks that are hardware; if none is, what is not virtual."""
    disks = [
        name
        for name in names
        if not _BOOT_PARTITION.fullmatch(name) and _folder(block, name).exists()
    ]
    hardware = [name for name in disks if (_folder(block, name) / "device").exists()]
    return hardware or [name for name in disks if not _VIRTUAL.match(name)]


def _folder(block: Path, name: str) -> Path:
    return block / name.replace("/", "!")
