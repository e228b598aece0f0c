"""How programs on one host find each other: a folder, and the running ``up`` in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

DIRECTORY_ENV = "ROBOMETRICS_RUNTIME_DIR"
_SYSTEM = Path("/run/robometrics")


class Running(msgspec.Struct, kw_only=True):
    """What a running ``robometrics up`` tells the programs beside it."""

    pid: int
    start_ticks: int
    """Kernel start time of that pid: a file left behind by a crash is not believed."""

    nats_url: str
    mongo_url: str
    api_url: str
    socket_path: str
    host: str
    worker_dir: str = ""
    """Folder of the worker's outbox."""


def directory(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for sockets and run files of this user."""
    environ = os.environ if environ is None else environ
    if chosen := environ.get(DIRECTORY_ENV):
        return Path(chosen)
    if os.geteuid() == 0:
        return _SYSTEM
    if xdg := environ.get("XDG_RUNTIME_DIR"):
        return Path(xdg) / "robometrics"
    return Path(f"/tmp/robometrics-{os.geteuid()}")  # noqa: S108  ownership is checked


def make_directory() -> Path:
    """Create the folder, for this user to write and everyone to pass through.

    Raises:
        PermissionError: Somebody else made it first.
    """
    path = directory()
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user; set {DIRECTORY_ENV}")
    return path


def announce(running: Running) -> Path:
    """Write the run file, whole or not at all; return its path."""
    path = make_directory() / "up.json"
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(msgspec.json.encode(running))
    draft.chmod(0o600)
    draft.replace(path)
    return path


def find(environ: Mapping[str, str] | None = None) -> Running | None:
    """Return the ``up`` that runs on this host, if there is one to be believed."""
    for folder in _candidates(environ):
        path = folder / "up.json"
        with suppress(OSError, msgspec.MsgspecError):
            if path.stat().st_uid not in (0, os.geteuid()):
                continue
            running = msgspec.json.decode(path.read_bytes(), type=Running)
            if start_ticks(running.pid) == running.start_ticks:
                return running
    return None


def _candidates(environ: Mapping[str, str] | None) -> Iterator[Path]:
    environ = os.environ if environ is None else environ
    yield directory(environ)
    if DIRECTORY_ENV not in environ:
        yield _SYSTEM


def sockets(chosen: str) -> list[str]:
    """Return the sockets a worker may listen on, the likeliest first."""
    usual = str(directory() / "worker.sock")
    system = str(_SYSTEM / "worker.sock")
    if chosen in (usual, system) and DIRECTORY_ENV not in os.environ:
        return list(dict.fromkeys([chosen, system]))
    return [chosen]  # chosen on purpose: that one or none


def start_ticks(pid: int | str) -> int | None:
    """Return the kernel start time of *pid*, or ``None`` if there is no such process.

    In clock ticks since boot (field 22 of ``/proc/PID/stat``, see proc(5)), as the
    reader's time namespace has it.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat_fields(stat)[19])


def stat_fields(stat: bytes) -> list[bytes]:
    """Return the fields of ``/proc/PID/stat`` from the state (the third) to the 22nd.

    The name in it may hold any byte, so the fields count from its last bracket.
    """
    return stat[stat.rindex(b")") + 2 :].split(b" ", 20)


def is_running(pid: int) -> bool:
    """Tell whether *pid* is a process that has not ended (a zombie has)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat_fields(stat)[0] not in (b"Z", b"X")


def boot_id() -> str:
    """Return the kernel's boot id, the same in every container on it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def boottime_offset_ns() -> int:
    """Return by how much this process's time namespace sets the time since boot off.

    In ns; start times are shown with it (see time_namespaces(7)).
    """
    try:
        offsets = Path("/proc/self/timens_offsets").read_text("ascii")
    except OSError:
        return 0  # a kernel without time namespaces
    for line in offsets.splitlines():
        clock, seconds, nanoseconds = line.split()
        if clock in ("boottime", "7"):
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return 0


def sees_own_pids() -> bool:
    """Tell whether ``/proc`` numbers processes as this process's namespace does."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())  # noqa: PTH115  quicker
    except OSError:
        return False


def pid_namespace(pid: int | str = "self") -> int | None:
    """Return the inode of the pid namespace of *pid*, ``None`` if not readable."""
    try:
        return Path(f"/proc/{pid}/ns/pid").stat().st_ino
    except OSError:
        return None
