"""CPU to read this host once, and what its batch weighs.

Beside it psutil reads the same parts as far as it knows them, on the same schedules;
and the bare minimum of system calls: one ``pread`` of each file that is read.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from benchmarks import table
from benchmarks.table import Row
from robometrics.publisher.samplers.host import HostReader
from robometrics.publisher.samplers.host.table import PARTS
from robometrics.publisher.series import SlotBuffer
from robometrics.schema import NS_PER_SECOND, HostBatch, encode

SLOT = 1_800_000_000
_FILES = (
    *("stat", "loadavg", "meminfo", "vmstat", "sys/fs/file-nr", "diskstats"),
    *("net/dev", "pressure/cpu", "pressure/memory", "pressure/io"),
)

Read = Callable[[int], object]
"""Reads what is due at a second."""


async def measure(*, quick: bool) -> list[Row]:
    """Measure all of them in turn, round by round."""
    rounds, seconds = (3, 100) if quick else (10, 1_000)
    now_ns = 0
    reader = HostReader(monotonic_ns=lambda: now_ns)

    def ours(_: int) -> None:
        nonlocal now_ns
        now_ns += NS_PER_SECOND
        reader.read()

    keys = len(reader.read())
    rivals: Sequence[Read] = (ours, _psutil_read, _floor_reader())
    spent = [_round(rivals, seconds) for _ in range(rounds)]
    rows = _rows(keys, spent)
    reader.close()
    return [*rows, *_part_rows(rounds, seconds), _batch_row()]


def _round(reads: Sequence[Read], seconds: int) -> list[float]:
    """Return the CPU time of each of *reads* in µs a second."""
    found = []
    for read in reads:
        read(0)
        began = time.thread_time_ns()
        for second in range(1, seconds + 1):
            read(second)
        found.append((time.thread_time_ns() - began) / 1e3 / seconds)
    return found


def _rows(keys: int, spent: list[list[float]]) -> list[Row]:
    ours, psutil_us, floor_us = map(list, zip(*spent, strict=True))
    what = f"host, {keys} metrics: CPU per read, once a second"
    return [
        Row(what, ours, "µs", "psutil, the same parts as often", psutil_us),
        Row(what, ours, "µs", "pread of the files, and nothing else", floor_us),
    ]


def _part_rows(rounds: int, seconds: int) -> list[Row]:
    """Measure one by one the parts that this machine has."""
    rows = []
    for part in PARTS:
        reader = HostReader(parts=(part._replace(period_seconds=1),))
        if reader.read():
            us = [_round([_each_second(reader)], seconds)[0] for _ in range(rounds)]
            what = f"host, {part.name}: CPU per read, every {part.period_seconds} s"
            rows.append(Row(what, us, "µs"))
        reader.close()
    return rows


def _each_second(reader: HostReader) -> Read:
    return lambda _: reader.read()


def _psutil_read(second: int) -> None:
    """Read what psutil knows of the parts of a host; the slow ones as seldom."""
    psutil.cpu_times(percpu=True)
    psutil.cpu_times()
    psutil.cpu_stats()
    psutil.getloadavg()
    psutil.virtual_memory()
    psutil.swap_memory()
    psutil.disk_io_counters(perdisk=True)
    psutil.net_io_counters(pernic=True)
    if second % 5 == 0:
        for name in ("sensors_temperatures", "sensors_fans", "sensors_battery"):
            getattr(psutil, name, int)()
    if second % 10 == 0:
        with contextlib.suppress(NotImplementedError, FileNotFoundError):
            psutil.cpu_freq()
        for partition in psutil.disk_partitions():
            psutil.disk_usage(partition.mountpoint)


def _floor_reader() -> Read:
    paths = [Path("/proc", name) for name in _FILES]
    descriptors = [os.open(path, os.O_RDONLY) for path in paths if path.exists()]

    def read(_: int) -> None:
        for descriptor in descriptors:
            os.pread(descriptor, 16_384, 0)

    return read


def _batch_row() -> Row:
    """Weigh this host's batch as a worker sends it, with the counters before it."""
    reader, buffer = HostReader(), SlotBuffer()
    data = b""
    for slot in (SLOT, SLOT + 1):
        buffer.add(1_000_000, reader.read())
        offsets, columns, previous = buffer.take(slot)
        batch = HostBatch(
            host="bench",
            run="b" * 8,
            slot=slot,
            interval_ns=NS_PER_SECOND,
            offset_ns=offsets,
            metrics=columns,
            previous=previous,
        )
        data = encode(batch)
    reader.close()
    return Row("host: bytes per batch, one a second", [len(data)], "B")


if __name__ == "__main__":
    table.run([measure])
