"""Wait for conditions, never for a time."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable

import anyio


def poll_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until *condition* holds; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.005)


async def eventually(
    condition: Callable[[], Awaitable[object] | object], seconds: float = 30.0
) -> None:
    """Wait until *condition*, plain or async, holds; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline, "the condition never held"
        await anyio.sleep(0.01)
