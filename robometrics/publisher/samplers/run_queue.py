"""How long the threads of one process waited for a CPU, and how often they got one.

From ``schedstat``: time on a CPU in ns, time on a run queue in ns, and the number of
timeslices (Linux ``Documentation/scheduler/sched-stats.rst``). The kernel keeps it for
each thread alone, so a process is the sum over its threads.
"""

from __future__ import annotations

import os

THREADS_PER_READ = 8
"""Threads read a second, the rest in turn: with 2.5 µs each, no process costs much
more than its ticks."""

THREADS_MAX = 1024
"""Of a process with more, nothing is told: a round would take minutes."""

_BYTES = 64  # three numbers of at most twenty digits


def parse_schedstat(schedstat: bytes) -> tuple[int, int]:
    """Return the time waited in ns, and the number of timeslices."""
    _, wait_ns, timeslices = schedstat.split()
    return int(wait_ns), int(timeslices)


class RunQueue:
    """Sums over threads that come and go; what an ended one had last stays in it.

    Holds one descriptor, and a second once there are threads. Both belong to this very
    process, so that a pid or thread id used again cannot mix anything up.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._main = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        self._tasks: int | None = None
        self._seen: dict[int, tuple[int, int]] = {}
        self._others: set[int] = set()
        self._round: list[int] = []
        self._is_stale = True
        self._is_complete = False
        self._wait_ns = 0
        self._switches = 0

    def read(self, thread_count: int) -> tuple[int, int] | None:
        """Return time waited in ns and context switches, both only growing.

        Args:
            thread_count: Threads the process has now.

        Returns:
            ``None`` if the kernel does not count, there are too many threads, or not
            each of them has been read once: part of a sum would look like a burst
            when the rest comes in.

        Raises:
            OSError: The process is gone, or no more files may be opened.
        """
        wait_ns, switches = parse_schedstat(os.pread(self._main, _BYTES, 0))
        if switches == 0:
            return None  # it has run, so nobody counts
        if thread_count == 1 and not self._seen:
            self._is_complete = True
            return wait_ns, switches
        self._count(self._pid, wait_ns, switches)
        if thread_count > THREADS_MAX:
            return None
        self._read_others(thread_count)
        return (self._wait_ns, self._switches) if self._is_complete else None

    def _read_others(self, thread_count: int) -> None:
        """Read the next few threads, from the first again after the last."""
        if not self._round:
            if self._is_stale or thread_count != len(self._others) + 1:
                self._list()
            self._round = [*self._others]
        turn = self._round[-THREADS_PER_READ:]
        del self._round[-THREADS_PER_READ:]
        for thread in turn:
            try:
                schedstat = self._read_thread(thread)
            except OSError:
                self._is_stale = True  # it ended
            else:
                self._count(thread, *parse_schedstat(schedstat))
        self._is_complete = self._is_complete or not self._round

    def _list(self) -> None:
        if self._tasks is None:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            self._tasks = os.open(f"/proc/{self._pid}/task", flags)
        listed = os.listdir(self._tasks)  # noqa: PTH208  of a descriptor
        self._others = {*map(int, listed)} - {self._pid}
        self._is_stale = False
        for ended in self._seen.keys() - self._others - {self._pid}:
            del self._seen[ended]

    def _read_thread(self, thread: int) -> bytes:
        flags = os.O_RDONLY | os.O_CLOEXEC
        descriptor = os.open(f"{thread}/schedstat", flags, dir_fd=self._tasks)
        try:
            return os.read(descriptor, _BYTES)
        finally:
            os.close(descriptor)

    def _count(self, thread: int, wait_ns: int, switches: int) -> None:
        before = self._seen.get(thread, (0, 0))
        if switches < before[1]:
            before = (0, 0)  # another thread under an old number, or an exec
        self._wait_ns += max(wait_ns - before[0], 0)
        self._switches += switches - before[1]
        self._seen[thread] = (wait_ns, switches)

    def close(self) -> None:
        for descriptor in (self._main, self._tasks):
            if descriptor is not None:
                os.close(descriptor)
        self._tasks = None
