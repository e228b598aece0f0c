"""Forks, execs and exits as the kernel tells them: the proc connector.

A netlink multicast (linux/cn_proc.h). It speaks to CAP_NET_ADMIN in the first user, pid
and network namespaces, and says so by an acknowledgement; elsewhere it stays silent, or
tells of pids that mean others here. Under load it drops events, and says that as well.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import Literal, NamedTuple

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC, _CN_VAL_PROC = 1, 1
_LISTEN, _IGNORE = 1, 2
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 4 << 20
_NLMSG_DONE = 3
_ACK_MS = 500
_EVENTS_MAX = 50_000
"""Taken at once at most, so that the rest of a round has its turn."""

Kind = Literal["ack", "fork", "exec", "exit"]

_HEADER = struct.Struct("=IHHIIIIIIHH")  # nlmsghdr and cn_msg
_EVENT = struct.Struct("=IIQ")
_DATA = _HEADER.size + _EVENT.size
_WHAT: dict[int, Kind] = {0: "ack", 1: "fork", 2: "exec", 0x8000_0000: "exit"}


class Event(NamedTuple):
    """Something a process did."""

    kind: Kind
    pid: int
    """Of a fork, the child's; of an acknowledgement, its errno."""

    parent: int = 0
    """Of a fork only."""


class ConnectorError(Exception):
    """The kernel does not tell."""


class Connector:
    """Told of every process from when it is made, until it is closed."""

    def __init__(self) -> None:
        """Ask the kernel to tell.

        Raises:
            ConnectorError: It does not; the message says why.
        """
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK,
                socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
                _NETLINK_CONNECTOR,
            )
        except (OSError, AttributeError) as exc:
            raise ConnectorError(f"there is no proc connector: {exc}") from exc
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            self._socket.bind((0, _CN_IDX_PROC))
            self._socket.send(request(_LISTEN))
            self._await_acknowledgement()
        except OSError as exc:
            self._socket.close()
            raise ConnectorError(f"the proc connector refuses: {exc}") from exc

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> list[Event] | None:
        """Return what happened since; ``None`` if some of it was lost."""
        events: list[Event] = []
        try:
            while len(events) < _EVENTS_MAX:
                data, (sender, _) = self._socket.recvfrom(1_024)
                event = parse(data) if sender == 0 else None  # 0: the kernel
                if event is not None:
                    events.append(event)
        except BlockingIOError:
            return events
        except OSError:  # ENOBUFS
            return None
        return events

    def close(self) -> None:
        try:
            self._socket.send(request(_IGNORE))
        except OSError:
            pass  # it is left off with the socket
        finally:
            self._socket.close()

    def _await_acknowledgement(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while poll.poll(_ACK_MS):
            for event in self.read() or ():
                if event.kind == "ack":
                    if event.pid:
                        raise OSError(event.pid, os.strerror(event.pid))
                    return
        raise OSError("it does not answer (a container's namespaces?)")


def request(operation: int) -> bytes:
    """Return the message that begins or ends the telling."""
    size = struct.calcsize("=I")
    return _HEADER.pack(
        _HEADER.size + size,
        *(_NLMSG_DONE, 0, 0, os.getpid()),
        *(_CN_IDX_PROC, _CN_VAL_PROC, 0, 0, size, 0),
    ) + struct.pack("=I", operation)


def parse(data: bytes) -> Event | None:
    """Return the event in one datagram; ``None`` for any other, and for threads."""
    if len(data) < _DATA + 4:
        return None
    if _HEADER.unpack_from(data)[5:7] != (_CN_IDX_PROC, _CN_VAL_PROC):
        return None
    kind = _WHAT.get(_EVENT.unpack_from(data, _HEADER.size)[0])
    words = struct.unpack_from(f"={min((len(data) - _DATA) // 4, 4)}I", data, _DATA)
    if kind == "ack":
        return Event("ack", words[0])
    if kind == "fork":
        # Of parent and child each the thread and the process.
        _, parent, thread, pid = words if len(words) == 4 else (0, 0, 0, 1)  # noqa: PLR2004
        return Event("fork", pid, parent) if thread == pid else None
    if kind is None or len(words) == 1:
        return None
    thread, pid = words[:2]
    return Event(kind, pid) if kind == "exec" or thread == pid else None
