"""Work of a known size, to be measured."""

from __future__ import annotations

import mmap
import time

CPU_NS = 20_000_000
MIB = 1 << 20


def burn(cpu_time_ns: int = CPU_NS) -> None:
    """Use so much CPU time in this thread."""
    until = time.thread_time_ns() + cpu_time_ns
    while time.thread_time_ns() < until:
        pass


def touch(size_bytes: int) -> mmap.mmap:
    """Return so much resident memory; closing it gives it back to the kernel."""
    pages = mmap.mmap(-1, size_bytes)
    for offset in range(0, size_bytes, mmap.PAGESIZE):
        pages[offset] = 1
    return pages
