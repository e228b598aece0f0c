"""The journal of every reading that a worker under test was given: the ground truth.

The worker's process appends each reading with one unbuffered write before the worker
sees it, so that it outlives SIGKILL. Nothing of the product counts here.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

_ENTRY = struct.Struct("<qqq")  # pid, value, wall time in ns
_OFFSET = struct.Struct("<q")


class Journal:
    """Where a fed worker writes down its readings."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, pid: int, value: int, wall_ns: int) -> None:
        """Keep one reading; *wall_ns* is the worker's own idea of the time."""
        os.write(self._file, _ENTRY.pack(pid, value, wall_ns))


class Fed:
    """The readings of one process, in order."""

    def __init__(self) -> None:
        self.values = array("q")
        self.wall_ns = array("q")


def read_journal(path: Path) -> dict[int, Fed]:
    """Return what was fed, by pid."""
    fed: defaultdict[int, Fed] = defaultdict(Fed)
    for pid, value, wall_ns in _ENTRY.iter_unpack(path.read_bytes()):
        of_pid = fed[pid]
        of_pid.values.append(value)
        of_pid.wall_ns.append(wall_ns)
    return dict(fed)


class WallOffset:
    """How far the worker's wall clock is off, in ns: shared through a small file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_OFFSET.pack(0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _OFFSET.size)

    @property
    def ns(self) -> int:
        return int(_OFFSET.unpack_from(self._shared)[0])

    def step(self, seconds: float) -> None:
        _OFFSET.pack_into(self._shared, 0, self.ns + round(seconds * 1e9))

    def added_to(self, wall_ns: Callable[[], int]) -> Callable[[], int]:
        """Return a clock that shows *wall_ns* and this offset."""
        shared, unpack = self._shared, _OFFSET.unpack_from
        return lambda: wall_ns() + int(unpack(shared)[0])

    def close(self) -> None:
        self._shared.close()
