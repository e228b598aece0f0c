"""CPU time of a process's threads, by their names.

A thread's id tells nothing after a restart, and there would be ever new ones; its name
(``pthread_setname_np``, ``threading.Thread(name=…)`` from Python 3.14) is what people
know. Threads of one name are one sum, which keeps what ended ones had.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

import msgspec

from robometrics.publisher.samplers.proc_directory import ProcDirectory
from robometrics.subjects import escape

NAMES_MAX = 64
"""The first names are kept; all others are one sum."""

OTHERS = "(others)"
UNNAMED = "(unnamed)"
THREADS_MAX = 1024
"""Of a process with more, nothing is told: each costs 3 µs a second."""

NAME_SECONDS = 5.0
"""A thread may change its name; that is noticed within this time."""


class Thread(msgspec.Struct):
    """What was last read of one thread."""

    name: str
    named_at: float
    cpu_ns: int = 0


class ThreadTimes:
    """Sums the CPU time of threads under each name."""

    def __init__(
        self, directory: ProcDirectory, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._threads: dict[int, Thread] = {}
        self._sums: dict[str, int] = {}

    def read(self) -> dict[str, int]:
        """Return ``thread_cpu_time_ns`` of each name; they only grow.

        Raises:
            OSError: The process is gone, or the kernel does not tell.
        """
        now = self._clock()
        listed = [*map(int, self._directory.list("task"))]
        if len(listed) > THREADS_MAX:
            return {}
        threads, self._threads = self._threads, {}
        for number in listed:
            try:
                self._threads[number] = self._read(number, threads.get(number), now)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended
        return {f"thread_cpu_time_ns:{name}": ns for name, ns in self._sums.items()}

    def _read(self, number: int, thread: Thread | None, now: float) -> Thread:
        schedstat = self._directory.read(f"task/{number}/schedstat").split()
        if number == self._directory.pid and schedstat[2] == b"0":
            raise OSError(errno.ENOTSUP, "this kernel keeps no schedstat")
        cpu_ns = int(schedstat[0])
        if thread is None or cpu_ns < thread.cpu_ns:  # another under an old id
            # A new one may not have its name yet: it is looked at again next time.
            thread = Thread(self._name(number), now - NAME_SECONDS)
        elif now - thread.named_at >= NAME_SECONDS:
            thread.name, thread.named_at = self._name(number), now
        self._sums[thread.name] += cpu_ns - thread.cpu_ns
        thread.cpu_ns = cpu_ns
        return thread

    def _name(self, number: int) -> str:
        """Return its name as part of a key, one of a bounded number."""
        comm = self._directory.read(f"task/{number}/comm").removesuffix(b"\n")
        name = escape(comm.decode(errors="backslashreplace") or UNNAMED)
        if name not in self._sums and len(self._sums) >= NAMES_MAX:
            name = escape(OTHERS)
        self._sums.setdefault(name, 0)
        return name
