"""Work for one request that ends with it: in time, or when the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from litestar import Request
from litestar.types import Receive

from robometrics.errors import QueryTimeoutError

T = TypeVar("T")


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


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
