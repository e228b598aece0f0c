"""Work for one request that ends with it: in time, or when the client has gone.

And that waits for its turn, where each takes memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from litestar import Request
from litestar.types import Receive

from robometrics.errors import QueryTimeoutError, RetryLaterError

T = TypeVar("T")


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class Turns:
    """So many work at once; some wait, and no more."""

    def __init__(self, at_once_max: int, waiting_max: int) -> None:
        self._free = asyncio.Semaphore(at_once_max)
        self._waiting = 0
        self._waiting_max = waiting_max

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the block runs.

        Raises:
            RetryLaterError: As many wait already as may.
        """
        if self._free.locked() and self._waiting >= self._waiting_max:
            raise RetryLaterError("too many queries wait already; ask again later")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()


async def bounded(
    request: Request[Any, Any, Any],
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    timeout_seconds: float | None,
) -> T:
    """Return what *work* returns; cancel it when nobody waits for that any more.

    Raises:
        QueryTimeoutError: It took longer than *timeout_seconds*, if given.
        ClientGoneError: The client has closed the connection.
    """
    working = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(gone(request.receive))
    try:
        await asyncio.wait(
            (working, leaving),
            timeout=timeout_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if working.done():
            return working.result()
        if leaving.done():
            raise ClientGoneError
        raise QueryTimeoutError(
            f"no answer within {timeout_seconds:g} s; narrow the range, ask for fewer "
            "series, metrics or points, or raise timeout_seconds"
        )
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
