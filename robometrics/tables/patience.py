"""How long a table waits for the database: for each step, not for the whole."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import anyio

from robometrics.errors import QueryTimeoutError

T = TypeVar("T")
STEP_SECONDS = 60.0


async def patiently(step: Awaitable[T]) -> T:
    """Return what *step* returns.

    Raises:
        QueryTimeoutError: It took longer than a minute.
    """
    try:
        with anyio.fail_after(STEP_SECONDS):
            return await step
    except TimeoutError as exc:
        raise QueryTimeoutError(
            f"the database gave nothing within {STEP_SECONDS:g} s"
        ) from exc
