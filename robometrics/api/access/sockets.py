"""Open websockets: how many each viewer may have, and for how long it may stay."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable

from litestar.types import Receive, Send

from robometrics.api.problems import status_of
from robometrics.errors import RetryLaterError, RoboMetricsError, TooManyError

SOCKETS_MAX = 1_000
"""Of all viewers of this process."""

SOCKETS_EACH_MAX = 100
"""Of one token, session, or address where nobody logs in."""

RECHECK_SECONDS = 2.0
"""How often it is asked whether an open socket may stay."""

_CLOSE_CODES = 4_000
"""Close codes are these and the status that HTTP has for it, as 4401."""

_REASON_BYTES_MAX = 120

Check = Callable[[], Awaitable[object]]


class Sockets:
    """The open websockets of this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def enter(self, viewer: str) -> None:
        """Count one more of *viewer*.

        Raises:
            TooManyError: There are too many.
        """
        if self._open[viewer] >= SOCKETS_EACH_MAX or self._open.total() >= SOCKETS_MAX:
            raise TooManyError("too many open views: close some")
        self._open[viewer] += 1

    def leave(self, viewer: str) -> None:
        self._open[viewer] -= 1
        if not self._open[viewer]:
            del self._open[viewer]


async def serve_while(may_stay: Check, serving: Awaitable[None], send: Send) -> None:
    """Serve a socket until it ends, or may not stay any longer.

    Args:
        may_stay: Raises one of our errors once it may not.
        serving: What serves it.
        send: The socket's.
    """
    task = asyncio.ensure_future(serving)
    try:
        while not (await asyncio.wait({task}, timeout=RECHECK_SECONDS))[0]:
            try:
                await may_stay()
            except RetryLaterError:
                continue  # nobody can be sent away by a database that is away
            except RoboMetricsError as exc:
                await _ended(task)
                await close(send, exc)
                return
        await task
    finally:
        await _ended(task)


async def _ended(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def turn_away(receive: Receive, send: Send, exc: RoboMetricsError) -> None:
    """Say why, to one that was not let in.

    A refusal before accept reaches a browser as a bare 1006, so accept comes first.
    """
    await receive()
    with contextlib.suppress(RuntimeError):  # it has gone
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    await close(send, exc)


async def close(send: Send, exc: RoboMetricsError) -> None:
    code = _CLOSE_CODES + status_of(exc)
    reason = str(exc).encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
    with contextlib.suppress(RuntimeError):
        await send({"type": "websocket.close", "code": code, "reason": reason})
