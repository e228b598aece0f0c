"""Connections are bounded in number, and in the time that one side lets the other wait.

uvicorn leaves both to a proxy in front of it; ours often has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import resource
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import get_remote_addr

CONNECTIONS_MAX = 2_000
CONNECTIONS_EACH_MAX = 500
"""Of one address, unless it is a proxy's that is trusted: others are left some."""

HEADERS_SECONDS = 10.0
BODY_SECONDS = 60.0
"""Some megabytes, over a bad link, are here by then."""

STALLED_SECONDS = 60.0
"""Whoever reads nothing of an answer for so long has gone, or means no good."""

_FILES_LEFT = 200
"""For everything else that is a file: log, database, broker."""


class BoundedProtocol(H11Protocol):
    """One connection, until it becomes a websocket."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._is_ours = False
        self._awaited: object = None
        self._arrival = _Deadline()
        self._stall = _Deadline()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if self._are_too_many(get_remote_addr(transport)):
            transport.abort()
            return
        self._is_ours = True
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrival.lift()
        self._stall.lift()
        if self._is_ours:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._watch()
        super().data_received(data)
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        super().handle_websocket_upgrade(event)
        self._is_ours = False

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.set(STALLED_SECONDS, self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.lift()

    def _watch(self) -> None:
        """Limit for how long the part of a request that is due may take."""
        due = self.conn.their_state if self._is_ours else None
        if due is self._awaited:
            return
        self._awaited = due
        if due is h11.IDLE:
            self._arrival.set(HEADERS_SECONDS, self.transport)
        elif due is h11.SEND_BODY:
            self._arrival.set(BODY_SECONDS, self.transport)
        else:
            self._arrival.lift()

    def _are_too_many(self, client: tuple[str, int] | None) -> bool:
        count = len(self.connections)
        if count >= connections_max():
            return True
        address = client[0] if client else ""
        if count < CONNECTIONS_EACH_MAX or _is_trusted(self.config, address):
            return False
        clients = (getattr(each, "client", None) for each in self.connections)
        same = sum(1 for client in clients if client and client[0] == address)
        return same >= CONNECTIONS_EACH_MAX


class _Deadline:
    """When a connection is ended, unless it is lifted before."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, transport: asyncio.Transport) -> None:
        self.lift()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, transport.abort)

    def lift(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_trusted(config: uvicorn.Config, address: str) -> bool:
    """Tell whether *address* is a proxy's, before whom are many others."""
    if not config.proxy_headers:
        return False
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(address)
        return any(
            found in ipaddress.ip_network(each, strict=False)
            for each in config.forwarded_allow_ips or ()
        )
    return False


def allow_files() -> None:
    """Have this process open as many files as connections need, where it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + _FILES_LEFT
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_max() -> int:
    """Return how many connections there may be: each is an open file."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return max(1, min(CONNECTIONS_MAX, soft - _FILES_LEFT))
