"""Bodies of requests: what they have to be, and how much of them is held.

Each is held whole until it is understood, and has a bound of its own besides. Whoever
sends slowly holds what he sent, so that a thousand who send up to that bound and never
end would fill the memory.
"""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.exceptions import ClientException
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send
from litestar.types import WebSocketReceiveMessage as SocketMessage

from robometrics.errors import RetryLaterError

BODY_BYTES_MAX = 64 * 1024
"""Of one request, where an endpoint does not say otherwise."""

HELD_BYTES_MAX = 64 << 20


def only_json(request: Request[Any, Any, Any]) -> None:
    """Refuse what a form of another site could send without being asked."""
    if request.content_type[0] != "application/json":
        raise ClientException("send application/json", status_code=415)


class BoundedBodies:
    """Counts what *app* has received of requests that are not answered yet."""

    def __init__(self, app: ASGIApp, held_bytes_max: int = HELD_BYTES_MAX) -> None:
        self._app = app
        self._held_bytes = 0
        self._held_bytes_max = held_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own_bytes = 0

        async def counted() -> HTTPReceiveMessage | SocketMessage:
            nonlocal own_bytes
            message = await receive()
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                if self._held_bytes + size > self._held_bytes_max:
                    raise RetryLaterError(
                        "too much is being sent to this server at once; try again"
                    )
                own_bytes += size
                self._held_bytes += size
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held_bytes -= own_bytes
