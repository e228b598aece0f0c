"""Connections are bounded in number, and in the time that one side lets the other wait.

uvicorn leaves both to a proxy in front of it; ours often has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 2_000
ARRIVAL_SECONDS = 60.0
"""A request of some megabytes, over a bad link, is here by then."""

STALLED_SECONDS = 60.0
"""Whoever reads nothing of an answer for so long has gone, or means no good."""

_FILES_LEFT = 200
"""For everything else that is a file: log, database, broker."""


class BoundedProtocol(H11Protocol):
    """One connection, until it becomes a websocket."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arrival: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._is_open = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= connections_max():
            transport.abort()
            return
        self._is_open = True
        super().connection_made(transport)
        self._arrival = self.loop.call_later(ARRIVAL_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_arrived()
        self._is_read()
        if self._is_open:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._arrival is None:
            abort = self.transport.abort
            self._arrival = self.loop.call_later(ARRIVAL_SECONDS, abort)
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._has_arrived()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._has_arrived()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_read()
        self._stall = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()

    def _has_arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _is_read(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


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
