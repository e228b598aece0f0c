"""nats-py's client, mended where a subclass can mend it."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg


class LastingClient(Client):
    """nats-py's client, less two of its faults."""

    def drop_transport(self) -> None:
        """Close the socket of a connect that failed: nats-py leaves it open."""
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any
    ) -> Msg:
        # A server passes any bytes as a subject; nats-py expects UTF-8, and its read
        # loop would end: connected, and deaf.
        readable = subject.decode(errors="backslashreplace").encode()
        message: Msg = super()._build_message(sid, readable, reply, data, headers)
        return message
