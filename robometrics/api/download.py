"""An answer as long as it may be, that never looks complete when it is not."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Send

from robometrics.api.bounded import gone
from robometrics.errors import RoboMetricsError

log = logging.getLogger(__name__)

STALL_SECONDS = 120.0
"""How long a client may take nothing before it is given up."""


class Download(Stream):
    """A stream that is cut off, not ended, when its source fails."""

    def to_asgi_response(self, *_: Any, **options: Any) -> ASGIResponse:
        for name in ("app", "request", "type_encoders"):
            options.pop(name, None)
        options["headers"] = {**(options.get("headers") or {}), **self.headers}
        options["media_type"] = self.media_type
        return _Sending(iterator=self.iterator, **options)  # type: ignore[arg-type]


class _Sending(ASGIStreamingResponse):
    __slots__ = ()
    iterator: AsyncGenerator[bytes, None]

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send all of it; stop at once when the client has gone."""
        async with aclosing(self.iterator), anyio.create_task_group() as tg:
            tg.start_soon(_cancel_when_gone, receive, tg.cancel_scope)
            try:
                await self._send_pieces(send)
            except RoboMetricsError as exc:
                # Nothing ends the last chunk, so no client takes this for complete.
                log.warning("a download is cut off: %s", exc)
            except TimeoutError:
                log.warning(
                    "a download is cut off: its client took nothing for %g s",
                    STALL_SECONDS,
                )
            tg.cancel_scope.cancel()

    async def _send_pieces(self, send: Send) -> None:
        async for piece in self.iterator:
            with anyio.fail_after(STALL_SECONDS):
                await send(
                    {"type": "http.response.body", "body": piece, "more_body": True}
                )
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    await gone(receive)
    scope.cancel()
