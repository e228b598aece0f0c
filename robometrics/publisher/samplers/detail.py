"""What a process is measured beyond the usual, as its plan asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Protocol

from robometrics.errors import ProcessGoneError
from robometrics.publisher.samplers.cgroup import Cgroup
from robometrics.publisher.samplers.memory_detail import MemoryDetail
from robometrics.publisher.samplers.open_files import OpenFiles
from robometrics.publisher.samplers.proc_directory import ProcDirectory
from robometrics.publisher.samplers.threads import ThreadTimes
from robometrics.requests import Plan

log = logging.getLogger(__name__)

Value = int | float | None


class Part(Protocol):
    """Reads one thing of a process; keeps its own schedule."""

    def read(self) -> Mapping[str, Value]:
        """Return what is due; ``OSError`` if it cannot be read."""


PARTS: Mapping[str, type[ThreadTimes | MemoryDetail | OpenFiles | Cgroup]] = {
    "threads": ThreadTimes,
    "memory_detail": MemoryDetail,
    "open_files": OpenFiles,
    "cgroup": Cgroup,
}
"""By what the plan calls them."""


class Detail:
    """Reads the parts a plan asks for; one that fails never stops the others.

    Called once a second from a thread beside the sampler's. Holds one descriptor.
    """

    def __init__(self, pid: int, start_ticks: int, plan: Plan) -> None:
        """Open the process; raises as ``ProcDirectory`` does."""
        self._directory = ProcDirectory(pid, start_ticks)
        self._reading = threading.Lock()
        self._is_closed = False
        self._failed: set[str] = set()
        self._parts: dict[str, Part] = {}
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """Read what *plan* asks for from now on; sums of before go on."""
        former = self._parts
        self._parts = {
            name: former.get(name) or part(self._directory)
            for name, part in PARTS.items()
            if getattr(plan, name)
        }

    def read(self) -> dict[str, Value]:
        """Return metrics by key.

        Raises ``ProcessGoneError`` once it is gone, or this is closed.
        """
        try:
            with self._reading:
                if self._is_closed:
                    raise ProcessGoneError(self._directory.pid)
                return self._read_parts()
        finally:
            if self._is_closed:
                self.close()  # asked for meanwhile

    def _read_parts(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, part in self._parts.items():
            try:
                values |= part.read()
            except (OSError, ValueError, LookupError) as exc:
                self._directory.require()
                if not isinstance(exc, ProcessLookupError):  # a zombie, or just so
                    self._say_failed(name, exc)
        self._directory.require()
        return values

    def _say_failed(self, name: str, exc: Exception) -> None:
        if name not in self._failed:
            pid = self._directory.pid
            log.warning("process %d: %s is not measured: %r", pid, name, exc)
        self._failed.add(name)

    def close(self) -> None:
        """Give the descriptor back, never waiting for a reading that is under way."""
        self._is_closed = True
        if self._reading.acquire(blocking=False):
            self._directory.close()
            self._reading.release()


def wants_detail(plan: Plan) -> bool:
    """Tell whether *plan* asks for any of it."""
    return any(getattr(plan, name) for name in PARTS)
