"""One process, read the cheap way Linux has, or with psutil elsewhere.

CPU time comes from the process's CPU clock (``clock_getcpuclockid``, ns, all threads),
the rest by ``pread`` on descriptors of ``/proc`` opened once. The clock goes by pid
number alone; a read of the descriptor in the same tick fails with ESRCH once the
process is gone, and so guards it against a reused pid.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

from robometrics import runtime
from robometrics.errors import (
    ProcessDeniedError,
    ProcessGoneError,
    SkipProcessError,
)
from robometrics.publisher.samplers.proc_directory import opening_error
from robometrics.publisher.samplers.run_queue import RunQueue
from robometrics.schema import NS_PER_SECOND

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NS_PER_TICK = NS_PER_SECOND // os.sysconf("SC_CLK_TCK")
_GONE = (errno.ESRCH, errno.ENOENT, errno.EINVAL)  # the last: of its CPU clock
_LINUX: bool = sys.platform == "linux"


Fast = tuple[int, int | None]
"""What is read at every tick: CPU time in ns, and resident memory in bytes.

The memory is ``None`` once the process has ended: it is gone before the clock. A plain
tuple, as a named one would cost a tenth of the reading.
"""


class ProcessReader(Protocol):
    """Reads one process; it stays the same process for the reader's whole life."""

    def fast(self) -> Fast:
        """Read CPU and memory; ``ProcessGoneError`` once the process is gone."""

    def slow(self) -> dict[str, int]:
        """Read what is worth reading once a second: name to value."""

    def final_cpu_time_ns(self) -> int | None:
        """Return the CPU time of a process that ended and is not yet reaped."""

    def close(self) -> None:
        """Give back what the reader holds."""


def open_process(pid: int, start_ticks: int) -> ProcessReader:
    """Return a reader of the process *pid* that started at *start_ticks*.

    Raises:
        ProcessGoneError: There is no such process (any more).
        ProcessDeniedError: The worker's user may not read it.
    """
    if _LINUX:
        return LinuxProcess(pid, start_ticks)
    return PortableProcess(pid)


def parse_stat(stat: bytes) -> dict[str, int]:
    """Return the counts in ``/proc/PID/stat`` (see proc(5))."""
    # As runtime.stat_fields, with no more splits than it takes.
    fields = stat[stat.rindex(b")") + 2 :].split(b" ", 18)
    return {
        "minor_faults_total": int(fields[7]),
        "major_faults_total": int(fields[9]),
        "children_cpu_time_ns": (int(fields[13]) + int(fields[14])) * NS_PER_TICK,
        "thread_count": int(fields[17]),
    }


def parse_io(io: bytes) -> tuple[int, int]:
    """Return the bytes in ``/proc/PID/io`` that came from storage, and went there.

    The file's order is part of the kernel's interface: rchar, wchar, syscr, syscw,
    read_bytes, write_bytes, cancelled_write_bytes (see proc_pid_io(5)).
    """
    words = io.split(None, 12)
    return int(words[9]), int(words[11])


class LinuxProcess:
    """Reads through the CPU clock and cached descriptors."""

    def __init__(self, pid: int, start_ticks: int) -> None:
        self.pid = pid
        self._clock = (~pid << 3) | 2  # CPUCLOCK_SCHED, as clock_getcpuclockid(3)
        self._descriptors: list[int] = []
        self._run_queue: RunQueue | None = None
        self._cpu_time_ns: int | None = None
        self._idle_since_ns: int | None = None
        """CPU time before ``slow`` was read last; while it stays, so does all that."""

        self._slow: dict[str, int] = {}
        try:
            self._statm = self._open("statm")
            self._stat = self._open("stat")
            stat = os.pread(self._stat, 1024, 0)
        except OSError as exc:
            self.close()
            raise opening_error(pid, exc) from exc
        if int(runtime.stat_fields(stat)[19]) != start_ticks:
            self.close()
            raise ProcessGoneError(pid)
        self._io: int | None = None
        with suppress(OSError):  # only the owner and root may read io
            self._io = self._open("io")
        with suppress(OSError):  # a kernel without CONFIG_SCHED_INFO
            self._run_queue = RunQueue(pid)

    def _open(self, name: str) -> int:
        descriptor = os.open(f"/proc/{self.pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        self._descriptors.append(descriptor)
        return descriptor

    def fast(self) -> Fast:
        try:
            cpu_time_ns = time.clock_gettime_ns(self._clock)
            statm = os.pread(self._statm, 64, 0)
        except OSError as exc:
            raise self._why(exc) from exc
        self._cpu_time_ns = cpu_time_ns
        pages = int(statm.split(b" ", 2)[1])
        return cpu_time_ns, pages * _PAGE_BYTES or None

    def slow(self) -> dict[str, int]:
        """Read what changes slowly, unless the process has not run since.

        Its CPU clock counts every nanosecond of every thread. Who has not run has not
        faulted, waited for a turn, read, written, reaped, or begun a thread.
        """
        if self._cpu_time_ns is None or self._cpu_time_ns != self._idle_since_ns:
            self._slow = self._read_slow()
            self._idle_since_ns = self._cpu_time_ns
        return self._slow

    def _read_slow(self) -> dict[str, int]:
        try:
            values = parse_stat(os.pread(self._stat, 1024, 0))
        except OSError as exc:
            raise self._why(exc) from exc
        if self._run_queue is not None:
            try:
                waited = self._run_queue.read(values["thread_count"])
            except OSError:
                waited = None  # it ends just now, or a descriptor is missing
            if waited is not None:
                values["runqueue_wait_time_ns"] = waited[0]
                values["context_switches_total"] = waited[1]
        if self._io is not None:
            try:
                read, written = parse_io(os.pread(self._io, 512, 0))
            except OSError:
                self._io = None  # it changed its user; what it may not show stays out
            else:
                values["io_read_bytes_total"] = read
                values["io_write_bytes_total"] = written
        return values

    def final_cpu_time_ns(self) -> int | None:
        try:
            return self.fast()[0]
        except SkipProcessError:
            return None

    def _why(self, exc: OSError) -> SkipProcessError:
        if exc.errno in _GONE:
            return ProcessGoneError(self.pid)
        return ProcessDeniedError(self.pid)

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())
        if self._run_queue is not None:
            self._run_queue.close()
            self._run_queue = None


class PortableProcess:
    """Reads with psutil, where there is no ``/proc``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process = psutil.Process(pid)
        except psutil.NoSuchProcess as exc:
            raise ProcessGoneError(pid) from exc

    def fast(self) -> Fast:
        try:
            with self._process.oneshot():
                times = self._process.cpu_times()
                memory = self._process.memory_info()
        except psutil.NoSuchProcess as exc:
            raise ProcessGoneError(self.pid) from exc
        except psutil.AccessDenied as exc:
            raise ProcessDeniedError(self.pid) from exc
        cpu_time_ns = round((times.user + times.system) * NS_PER_SECOND)
        return cpu_time_ns, memory.rss or None

    def slow(self) -> dict[str, int]:
        try:
            return {"thread_count": self._process.num_threads()}
        except psutil.NoSuchProcess as exc:
            raise ProcessGoneError(self.pid) from exc
        except psutil.AccessDenied:
            return {}

    def final_cpu_time_ns(self) -> int | None:
        with suppress(ProcessGoneError, ProcessDeniedError):
            return self.fast()[0]
        return None

    def close(self) -> None:
        return None


def command_line(pid: int) -> str:
    """Return the command line of *pid*, for people; empty if it may not be read."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    words = raw.removesuffix(b"\0").decode(errors="replace").split("\0")
    return shlex.join(words)[:1_000]
