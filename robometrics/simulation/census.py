"""Which processes of this machine serve a broker's port, and what they take (Linux).

Told by sockets, not by names: who listens where the broker is, who listens where the
database is, and who is connected to the broker. Of other users only root sees sockets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from robometrics import runtime

BROKER, DATABASE, SIMULATOR = "broker", "database", "simulator"

_LISTENS, _CONNECTED = "0A", "01"
_CPU_FIELDS = slice(11, 13)  # user and system time, see proc(5)
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MACHINE_FIELDS = 8  # what comes after is counted in these, too


class Usage(NamedTuple):
    """What a part has taken so far, or takes now."""

    cpu_seconds: float
    memory_bytes: int


class MachineTime(NamedTuple):
    """Seconds of all cores since the boot."""

    total: float
    idle: float
    waiting: float
    """Idle, with input or output under way."""


class _Socket(NamedTuple):
    local_port: int
    remote_port: int
    state: str


def parts(broker_port: int, database_port: int) -> dict[str, list[int]]:
    """Return pids by part: broker, database, this simulator, and the broker's clients.

    Those are called by the roles of a server, or by their command.
    """
    found: dict[str, list[int]] = {SIMULATOR: [os.getpid()]}
    sockets = dict(_sockets())
    for pid in _pids():
        if pid == os.getpid():
            continue
        held = [sockets[inode] for inode in _inodes(pid) if inode in sockets]
        if any(_is_at(each, broker_port) for each in held):
            found.setdefault(BROKER, []).append(pid)
        elif any(_is_at(each, database_port) for each in held):
            found.setdefault(DATABASE, []).append(pid)
        elif any(
            each.state == _CONNECTED and each.remote_port == broker_port
            for each in held
        ):
            found.setdefault(called(_command(pid)), []).append(pid)
    return found


def usage(found: Mapping[str, list[int]]) -> dict[str, Usage]:
    """Return what each part has taken; who ended counts for nothing."""
    return {
        part: Usage(
            sum(each.cpu_seconds for each in taken),
            sum(each.memory_bytes for each in taken),
        )
        for part, pids in found.items()
        if (taken := [each for pid in pids if (each := _usage_of(pid)) is not None])
    }


def machine_time() -> MachineTime | None:
    """Return what all cores did since the boot; ``None`` if nobody tells."""
    try:
        line = Path("/proc/stat").read_text("ascii").split("\n", 1)[0]
    except OSError:
        return None
    ticks = [int(field) for field in line.split()[1 : 1 + _MACHINE_FIELDS]]
    idle, waiting = ticks[3], ticks[4]
    return MachineTime(
        sum(ticks) / _TICKS_PER_SECOND,
        idle / _TICKS_PER_SECOND,
        waiting / _TICKS_PER_SECOND,
    )


def called(command: list[str]) -> str:
    """Return what to call a client of the broker with this command line."""
    for place, word in enumerate(command):
        if word == "--roles" and place + 1 < len(command):
            return command[place + 1]
        if word.startswith("--roles="):
            return word.removeprefix("--roles=")
    names = [Path(word).name for word in command if not word.startswith("-")]
    if names and names[0].startswith("python"):
        names = names[1:]
    if len(names) > 1 and names[0] == "robometrics":
        names = names[1:]
    return names[0].removeprefix("robometrics-") if names else "?"


def _is_at(socket: _Socket, port: int) -> bool:
    return socket.state == _LISTENS and socket.local_port == port


def _sockets() -> Iterator[tuple[int, _Socket]]:
    """Yield inode and ends of each TCP socket of this network namespace."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text("ascii").splitlines()[1:]:
                fields = line.split()
                ports = [int(end.rpartition(":")[2], 16) for end in fields[1:3]]
                yield int(fields[9]), _Socket(ports[0], ports[1], fields[3])


def _pids() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  quicker
    return []


def _inodes(pid: int) -> Iterator[int]:
    """Yield the inodes of sockets that *pid* holds, as far as they may be seen."""
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = os.readlink(entry.path)  # noqa: PTH115  quicker
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _command(pid: int) -> list[str]:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return [word.decode(errors="replace") for word in words if word]
    return []


def _usage_of(pid: int) -> Usage | None:
    try:
        fields = runtime.stat_fields(Path(f"/proc/{pid}/stat").read_bytes())
        resident = Path(f"/proc/{pid}/statm").read_bytes().split()[1]
    except (OSError, IndexError, ValueError):
        return None
    ticks = sum(map(int, fields[_CPU_FIELDS]))
    return Usage(ticks / _TICKS_PER_SECOND, int(resident) * _PAGE_BYTES)
