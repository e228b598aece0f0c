"""Ask a server how it is: one question at a time, seldom, and never waited for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from robometrics.errors import RetryLaterError

ANSWER_SECONDS = 2.0
FRESH_SECONDS = 1.0

_T = TypeVar("_T")


class Probe(Generic[_T]):
    """One question, shared by all that ask it, however many and however often."""

    def __init__(self, name: str, ask: Callable[[], Coroutine[Any, Any, _T]]) -> None:
        self._name = name
        self._ask = ask
        self._asking: asyncio.Task[_T] | None = None
        self._answered = 0.0

    async def get(self) -> _T:
        """Return the answer, at most a second old.

        Raises:
            RetryLaterError: There is none, or not within two seconds.
        """
        task = self._asking
        if task is None or (
            task.done() and time.monotonic() - self._answered > FRESH_SECONDS
        ):
            task = self._asking = asyncio.create_task(self._ask())
            task.add_done_callback(self._on_answer)
        # A question to a frozen server goes on behind this; it is not asked again.
        await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if not task.done():
            raise RetryLaterError(f"{self._name}: no answer in {ANSWER_SECONDS:.0f} s")
        if task.cancelled():
            raise RetryLaterError(f"{self._name}: not asked any more")
        if (exc := task.exception()) is not None:
            raise RetryLaterError(str(exc)) from exc
        return task.result()

    async def tried(self) -> tuple[_T | None, str]:
        """Return the answer, or why there is none."""
        try:
            return await self.get(), ""
        except RetryLaterError as exc:
            return None, str(exc)

    def _on_answer(self, task: asyncio.Task[_T]) -> None:
        self._answered = time.monotonic()
        if not task.cancelled():
            task.exception()  # if nobody waits any more, nobody else looks
