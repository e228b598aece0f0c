"""The files of one process in ``/proc``, and of no other that gets its pid later."""

from __future__ import annotations

import errno
import os

from robometrics import runtime
from robometrics.errors import (
    ProcessDeniedError,
    ProcessGoneError,
    SkipProcessError,
    TooManyFilesError,
)

_CHUNK_BYTES = 65_536


def opening_error(pid: int, problem: OSError) -> SkipProcessError:
    """Return what *problem* means, that came of opening a file of process *pid*."""
    if isinstance(problem, PermissionError):
        return ProcessDeniedError(pid)
    if problem.errno in (errno.EMFILE, errno.ENFILE):
        return TooManyFilesError(pid)
    return ProcessGoneError(pid)


def read_whole(path: str, directory: int | None = None) -> bytes:
    """Read a file of ``/proc`` to its end: it comes in pages.

    Args:
        path: Below *directory*, if that is an open one.
        directory: Its descriptor.

    Raises:
        OSError: It is gone, was never there, or is not for us.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        parts = []
        while part := os.read(descriptor, _CHUNK_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


class ProcDirectory:
    """An open ``/proc/PID``: what is opened below it is of that process, or fails."""

    def __init__(self, pid: int, start_ticks: int) -> None:
        """Open it.

        Raises:
            ProcessGoneError: There is no such process (any more).
            ProcessDeniedError: The worker's user may not read it.
            TooManyFilesError: No more files may be opened.
        """
        self.pid = pid
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            self.descriptor: int | None = os.open(f"/proc/{pid}", flags)
        except OSError as exc:
            raise opening_error(pid, exc) from exc
        try:
            stat = self.read("stat")
        except OSError as exc:
            self.close()
            raise ProcessGoneError(pid) from exc
        if int(runtime.stat_fields(stat)[19]) != start_ticks:
            self.close()
            raise ProcessGoneError(pid)

    def read(self, name: str) -> bytes:
        """Return the whole of a file below it.

        Raises:
            OSError: The process is gone, the kernel has no such file, or not for us.
        """
        return read_whole(name, self.descriptor)

    def list(self, name: str) -> list[str]:
        """Return the names in a folder below it; ``OSError`` as in ``read``."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=self.descriptor)
        try:
            return os.listdir(descriptor)  # noqa: PTH208  of a descriptor
        finally:
            os.close(descriptor)

    def size(self, name: str) -> int:
        """Return the size of what is below it; ``OSError`` as in ``read``."""
        return os.stat(name, dir_fd=self.descriptor).st_size

    def require(self) -> None:
        """See that the process is there still, if only as a zombie.

        Raises:
            ProcessGoneError: It is not.
        """
        try:
            self.size("stat")
        except OSError as exc:
            raise ProcessGoneError(self.pid) from exc

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
