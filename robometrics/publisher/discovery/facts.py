"""What rules ask of a process, read when first asked for."""

from __future__ import annotations

import os
import pwd
from functools import cached_property, lru_cache
from typing import Protocol

from robometrics.publisher.cgroups import cgroup_of, container_of, unit_of
from robometrics.publisher.discovery.expression import TEXT_MAX
from robometrics.publisher.discovery.ros import ros_node

_COMMAND_LINE_BYTES = 16 * 1024
_DELETED = " (deleted)"


class Facts(Protocol):
    """One process. What is not known is ``None`` or empty, and matches nothing."""

    @property
    def comm(self) -> str: ...

    @property
    def exe(self) -> str | None:
        """Path of the executable."""

    @property
    def command(self) -> str:
        """The beginning of the command line, its words joined by spaces."""

    @property
    def ros_node(self) -> str | None:
        """``/namespace/name``."""

    @property
    def uid(self) -> int | None: ...

    @property
    def user(self) -> str | None: ...

    @property
    def cgroup(self) -> str | None: ...

    @property
    def unit(self) -> str | None: ...

    @property
    def container(self) -> str | None: ...


class ProcFacts:
    """Read from ``/proc``; of a process that has gone, nothing is known."""

    def __init__(self, pid: int, comm: str) -> None:
        self._pid = pid
        self.comm = comm

    @cached_property
    def _words(self) -> list[str]:
        return parse_words(read(f"/proc/{self._pid}/cmdline", _COMMAND_LINE_BYTES))

    @cached_property
    def exe(self) -> str | None:
        try:
            path = os.readlink(f"/proc/{self._pid}/exe")  # noqa: PTH115  quicker
        except PermissionError:
            return self._words[0] if self._words else None
        except OSError:
            return None
        text = os.fsencode(path).decode(errors="replace")
        return text.removesuffix(_DELETED)

    @cached_property
    def command(self) -> str:
        return " ".join(self._words)[:TEXT_MAX]

    @cached_property
    def ros_node(self) -> str | None:
        return ros_node(self._words)

    @cached_property
    def uid(self) -> int | None:
        return parse_uid(read(f"/proc/{self._pid}/status", 4_096))

    @cached_property
    def user(self) -> str | None:
        return None if self.uid is None else _user_name(self.uid)

    @cached_property
    def cgroup(self) -> str | None:
        return cgroup_of(self._pid)

    @cached_property
    def unit(self) -> str | None:
        return unit_of(self.cgroup) if self.cgroup else None

    @cached_property
    def container(self) -> str | None:
        return container_of(self.cgroup) if self.cgroup else None


def read(path: str, size: int) -> bytes:
    """Return the beginning of a file of ``/proc``; nothing if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def parse_words(raw: bytes) -> list[str]:
    """Return the words of ``/proc/PID/cmdline``."""
    if not raw:
        return []
    return raw.removesuffix(b"\0").decode(errors="replace").split("\0")


def parse_uid(status: bytes) -> int | None:
    """Return the real user in ``/proc/PID/status``, the one who started it."""
    _, _, rest = status.partition(b"\nUid:")
    words = rest.split(None, 1)
    return int(words[0]) if words else None


@lru_cache(maxsize=1_024)
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return str(uid)
