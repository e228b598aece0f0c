"""The DRM files that given processes have open.

Finding them means a look at every descriptor of a process, so that is done when it is
first seen and then rarely; reading those found is cheap.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from robometrics.publisher.samplers.gpu.engine_time import EngineTime
from robometrics.publisher.samplers.gpu.fdinfo import Client, parse_fdinfo
from robometrics.publisher.samplers.gpu.notes import Notes
from robometrics.publisher.samplers.gpu.pace import Pace
from robometrics.publisher.samplers.gpu.readings import Values
from robometrics.publisher.samplers.gpu.sysfs import read_text

LOOK_SECONDS = 10.0
_DEVICES = ("/dev/dri/", "/dev/accel/")


class DrmProcesses:
    """Reads the clients of processes, by GPU."""

    def __init__(self, notes: Notes, root: Path = Path("/")) -> None:
        self._notes = notes
        self._proc = root / "proc"
        self._watched: dict[int, _Watched] = {}

    def read(
        self, pids: Collection[int], now: float, at_ns: int
    ) -> dict[str, dict[int, Values]]:
        """Return by PCI address and pid what the processes *pids* use.

        Args:
            pids: Those asked for; others are forgotten.
            now: In monotonic seconds.
            at_ns: The same, in nanoseconds.
        """
        for pid in self._watched.keys() - set(pids):
            del self._watched[pid]
        found: dict[str, dict[int, Values]] = {}
        for pid in pids:
            watched = self._watched.get(pid)
            if watched is None:
                watched = self._watched[pid] = _Watched(self._proc / str(pid))
            try:
                by_address = watched.read(now, at_ns)
            except PermissionError:
                self._notes.say(
                    "fdinfo",
                    "GPU use of other users' processes is not measured; run the worker "
                    "as root, or give it CAP_SYS_PTRACE",
                )
                continue
            for address, values in by_address.items():
                found.setdefault(address, {})[pid] = values
        return found


class _Watched:
    """One process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._look = Pace(LOOK_SECONDS)
        self._descriptors: list[str] = []
        self._times: dict[str, EngineTime] = {}

    def read(self, now: float, at_ns: int) -> dict[str, Values]:
        if self._look.is_due(now):
            began = time.perf_counter()
            try:
                self._descriptors = self._find()
            finally:
                self._look.took(now, time.perf_counter() - began)
        clients: dict[str, dict[str, Client]] = {}
        for descriptor in self._descriptors:
            text = read_text(self._folder / "fdinfo" / descriptor)
            client = parse_fdinfo(text) if text else None
            if client is not None:
                clients.setdefault(client.address, {})[client.id or descriptor] = client
        for address in clients:
            self._times.setdefault(address, EngineTime())
        return {
            address: {
                **_memory(clients.get(address, {}).values()),
                **times.add(clients.get(address, {}).values(), at_ns),
            }
            for address, times in self._times.items()
        }

    def _find(self) -> list[str]:
        """Return the descriptors of DRM files.

        Raises:
            PermissionError: It is another user's process.
        """
        found = []
        try:
            files = list((self._folder / "fd").iterdir())
        except (FileNotFoundError, ProcessLookupError):
            return []  # it has ended
        for file in files:
            try:
                target = str(file.readlink())
            except OSError:
                continue  # closed meanwhile
            if target.startswith(_DEVICES):
                found.append(file.name)
        return found


def _memory(clients: Collection[Client]) -> Values:
    """Return the memory of one process on one GPU.

    A GPU without memory of its own uses the host's: that is its memory then.
    """
    shared = sum(client.shared_bytes for client in clients)
    own = sum(client.memory_bytes for client in clients)
    has_own = any(client.has_own_memory for client in clients)
    return {
        "gpu_memory_used_bytes": own if has_own else shared,
        "gpu_shared_memory_used_bytes": shared,
    }
