"""nats-py's client, mended and shortened where a subclass can do it."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, MaxPayloadError, OutboundBufferLimitError
from nats.errors import Error as NatsError

from robometrics import subjects
from robometrics.broker.parsing import Receive, ShortParser

_ANSWERED = (subjects.INBOX.encode(), b"$JS.ACK.")


class LastingClient(Client):
    """nats-py's client, less some of its faults, with a short way in and out.

    The usual way costs a parsed header, a queue and a task's turn for each message.
    That is most of what an acknowledgement would cost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.receivers: dict[int, Receive] = {}
        """By subscription id: who gets its messages the short way."""

        self._ps = ShortParser(self, self.receivers)

    def drop_transport(self) -> None:
        """Close the socket of a connect that failed: nats-py leaves it open."""
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]

    def send(self, command: bytes, size_bytes: int) -> None:
        """Hand over a publishing command of the protocol, made by the caller.

        It is not held back: the caller bounds what is on its way.

        Args:
            command: With its headers and payload.
            size_bytes: Of these two together. The server closes the connection of who
                sends more than it takes.

        Raises:
            nats.errors.Error: They are larger than the server takes, or there is no
                connection.
        """
        if self.is_closed or self._flush_queue is None:
            raise ConnectionClosedError
        if not self.is_connected:
            raise OutboundBufferLimitError  # it would wait here, and be sent late
        if size_bytes > self._max_payload:
            raise MaxPayloadError
        self._pending.append(command)
        self._pending_data_size += len(command)
        if self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    async def _connect_to_server(self, s: Any) -> None:
        # nats-py leaves open what it connected to and was not let in by.
        self.drop_transport()
        self._transport = None
        await super()._connect_to_server(s)

    def _connect_command(self) -> bytes:
        # nats-py goes on in plain text when a server, or who poses as one, has no TLS.
        if "tls" in self.options and not self._server_info.get("tls_required"):
            raise NatsError("the broker has no TLS, and this program is set up for it")
        command: bytes = super()._connect_command()
        return command

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any
    ) -> None:
        receive = self.receivers.get(sid)
        if receive is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            receive(subject, reply, data, headers)

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any
    ) -> Msg:
        # A server passes any bytes as a subject; nats-py expects UTF-8, and its read
        # loop would end: connected, and deaf.
        readable = subject.decode(errors="backslashreplace").encode()
        if not reply.startswith(_ANSWERED):
            # Who asks may name any subject, also one on which only who answers may
            # speak: an answer goes into an inbox or nowhere.
            reply = b""
        message: Msg = super()._build_message(sid, readable, reply, data, headers)
        return message
