"""The memory of a process and of all that it started, sampled while they run.

For who starts a program and has no worker. The kernel's own figure at the end
(``ru_maxrss``) is of the largest process alone, and never below what the starting
program held itself when it started it.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from robometrics.lib.measure.memory import Memory, parse_status

FIRST_PAUSE_SECONDS = 0.001
LAST_PAUSE_SECONDS = 0.1
_COST_SHARE = 0.01


class Family(threading.Thread):
    """Looks at *pid* and its descendants until stopped.

    At first often, later ten times a second, and with a hundredth of a core at most.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(name="family", daemon=True)
        self._pid = pid
        self._stopping = threading.Event()
        self._knows_children = Path("/proc/thread-self/children").exists()
        self.largest_bytes: int | None = None
        """The highest peak of one process, as seen so far."""

        self.together_bytes: int | None = None
        """The most resident memory of all at one time; pages they share count for
        each of them. ``None`` if this kernel does not list children."""

        self.together_count = 0
        """How many they were at that time."""

    def run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.thread_time()
            self.look()
            cost = time.thread_time() - began
            if self._stopping.wait(max(pause, cost / _COST_SHARE)):
                return
            pause = min(2 * pause, LAST_PAUSE_SECONDS)

    def begin(self) -> None:
        """Start looking; out of threads, nothing is seen, and nothing else happens."""
        with suppress(RuntimeError):
            self.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self.ident is not None:
            self.join()

    def look(self) -> None:
        """Take what there is now into account."""
        found = [
            memory for pid in self._members() if (memory := _memory_of(pid)) is not None
        ]
        peaks = [each.high_water_bytes or 0 for each in found]
        self.largest_bytes = max([*peaks, self.largest_bytes or 0]) or None
        together = sum(each.rss_bytes or 0 for each in found)
        if self._knows_children and together > (self.together_bytes or 0):
            self.together_bytes, self.together_count = together, len(found)

    def _members(self) -> list[int]:
        members = [self._pid]
        if self._knows_children:
            for pid in members:  # it grows meanwhile
                members += children_of(pid)
        return members


def children_of(pid: int) -> list[int]:
    """Return the children of *pid*, of each of its threads; see proc(5) ``children``.

    One that appears or ends meanwhile may be missing, and the next look sees to it.
    """
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  no pathlib
            path = Path(f"/proc/{pid}/task/{thread}/children")
            found += map(int, path.read_bytes().split())
    except OSError:
        pass  # it has ended
    return found


def _memory_of(pid: int) -> Memory | None:
    try:
        return parse_status(Path(f"/proc/{pid}/status").read_bytes())
    except (OSError, ValueError):
        return None  # it has ended, or is a thread of the kernel
