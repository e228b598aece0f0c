"""Where a machine shows itself: the roots of its files, and a few system calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from robometrics.publisher.clock import since_boot_ns
from robometrics.publisher.kernel_clock import KernelClock, read_kernel_clock

Value = int | float | None
Values = dict[str, Value]
Read = Callable[[], Values]
"""Reads one part of the host."""


def _statvfs(path: str) -> os.statvfs_result:
    return os.statvfs(path)  # looked up late: Windows has none, and never asks


class Machine(msgspec.Struct, frozen=True):
    """This machine, or one recorded in a folder."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    statvfs: Callable[[str], os.statvfs_result] = _statvfs
    is_folder: Callable[[str], bool] = os.path.isdir
    kernel_clock: Callable[[], KernelClock | None] = read_kernel_clock
    since_boot_ns: Callable[[], int] = since_boot_ns


class KernelFile:
    """A file of ``/proc`` or ``/sys``: opened once, made anew by each read from 0."""

    __slots__ = ("_descriptor", "_size")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = 4096

    def read(self) -> bytes:
        """Return the content of a file that the kernel hands out in one piece."""
        while True:
            data = os.pread(self._descriptor, self._size, 0)
            if len(data) < self._size:
                return data
            self._size *= 2

    def read_records(self) -> bytes:
        """Return the content of a file that comes record by record, a page a read."""
        data = os.pread(self._descriptor, self._size, 0)
        while more := os.pread(self._descriptor, self._size, len(data)):
            data += more
        return data


class Files:
    """The files that one part keeps open."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._descriptors: list[int] = []

    def open(self, path: Path) -> KernelFile:
        """Open *path* and keep it.

        Raises:
            OSError: It is not there, or not for this user.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._descriptors.append(descriptor)
        return KernelFile(descriptor)

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


def parsed(name: str, parse: Callable[[bytes], Values]) -> Callable[[Files], Read]:
    """Return the part that is the file *name* of ``/proc``, through *parse*."""

    def begin(files: Files) -> Read:
        file = files.open(files.machine.proc / name)
        return lambda: parse(file.read())

    return begin


def text(path: Path) -> str:
    """Return the content of a short file; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\n \0")
    except OSError:
        return ""


def names_in(folder: Path) -> list[str]:
    """Return what is in *folder*, sorted; nothing if there is no such folder."""
    try:
        return sorted((path.name for path in folder.iterdir()), key=_natural)
    except OSError:
        return []


def _natural(name: str) -> tuple[str, int, str]:
    """Sort ``hwmon10`` behind ``hwmon9``."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0), name
