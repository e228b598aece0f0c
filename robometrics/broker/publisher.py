"""Publish with acknowledgement, bounded, with every outcome told.

nats-py's ``publish_async`` never resolves what was in flight when the link broke, and
leaks a permit for each. Here every message resolves within ``ACK_WITHIN_SECONDS``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

import msgspec

from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.errors import RetryLaterError
from robometrics.schema import UNREADABLE

ACK_WITHIN_SECONDS = 5.0


class _ApiError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _PubAck(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _ApiError | None = None


_decoder = msgspec.json.Decoder(_PubAck)
_NO_RESPONDERS = b"NATS/1.0 503"


class AckedPublisher:
    """Publishes to JetStream; use ``AckedPublisher.open``."""

    def __init__(self, link: Link, max_in_flight: int) -> None:
        self._link = link
        self.max_in_flight = max_in_flight
        self._room = asyncio.Event()
        self._pending: OrderedDict[bytes, tuple[float, asyncio.Future[bool]]] = (
            OrderedDict()
        )
        self._prefix = f"{link.inbox}.ack"
        self._count = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, link: Link, *, max_in_flight: int
    ) -> AsyncIterator[AckedPublisher]:
        """Yield a publisher on *link*; what is in flight at the end fails."""
        publisher = cls(link, max_in_flight)
        acks = await link.subscribe_directly(
            f"{publisher._prefix}.*", publisher._on_ack
        )
        sweeper = asyncio.create_task(publisher._sweep())
        try:
            yield publisher
        finally:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
            publisher._expire(float("inf"))
            await link.unsubscribe(acks)

    @property
    def in_flight(self) -> int:
        return len(self._pending)

    async def room(self) -> None:
        """Wait until one more message may be on its way."""
        while len(self._pending) >= self.max_in_flight:
            self._room.clear()
            await self._room.wait()

    async def publish(
        self, subject: str, data: bytes, *, message_id: str
    ) -> asyncio.Future[bool]:
        """Send one message as soon as there is room, see ``publish_now``."""
        await self.room()
        return self.publish_now(subject, data, message_id=message_id)

    def publish_now(
        self, subject: str, data: bytes, *, message_id: str
    ) -> asyncio.Future[bool]:
        """Send one message; the caller has waited for ``room``.

        Returns:
            A future: ``True`` once the stream holds the message, ``False`` if it held
            it before (same *message_id*); it fails with ``RetryLaterError`` if the
            stream refused it or did not answer in time.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._count += 1
        key = b"%x" % self._count
        command, size_bytes = _command(
            subject, f"{self._prefix}.{key.decode()}", message_id, data
        )
        try:
            self._link.require_client().send(command, size_bytes)
        except (*DOWN_ERRORS, RetryLaterError) as exc:
            _fail(future, f"not sent: {exc!r}")
        else:
            self._pending[key] = (time.monotonic() + ACK_WITHIN_SECONDS, future)
        return future

    def _take(self, key: bytes) -> asyncio.Future[bool] | None:
        """Return what waits for *key*, and make room for another."""
        entry = self._pending.pop(key, None)
        self._room.set()
        return entry[1] if entry is not None and not entry[1].done() else None

    def _on_ack(
        self, subject: bytes, _: bytes, data: bytes, headers: bytes | None
    ) -> None:
        future = self._take(subject.rsplit(b".", 1)[1])
        if future is None:
            return
        if headers is not None and headers.startswith(_NO_RESPONDERS):
            _fail(future, "no stream takes this subject: is the server provisioned?")
            return
        try:
            ack = _decoder.decode(data)
        except UNREADABLE as exc:
            _fail(future, f"unreadable acknowledgement: {exc}")
            return
        if ack.error is not None:
            _fail(future, f"{ack.error.description} ({ack.error.err_code})")
        else:
            future.set_result(not ack.duplicate)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(ACK_WITHIN_SECONDS / 10)
            self._expire(time.monotonic())

    def _expire(self, now: float) -> None:
        while self._pending:
            key, (deadline, future) = next(iter(self._pending.items()))
            if deadline > now:
                return
            self._take(key)
            _fail(future, "no acknowledgement in time")


def _command(
    subject: str, reply: str, message_id: str, data: bytes
) -> tuple[bytes, int]:
    """Return the publishing of one message, as the protocol has it, and its size.

    Subject and id are the caller's own, made of bytes that need no escaping. See
    "HPUB" in NATS's client protocol.
    """
    head = f"NATS/1.0\r\nNats-Msg-Id: {message_id}\r\n\r\n"
    size_bytes = len(head) + len(data)
    line = f"HPUB {subject} {reply} {len(head)} {size_bytes}\r\n{head}"
    return b"%b%b\r\n" % (line.encode("ascii"), data), size_bytes


def _fail(future: asyncio.Future[bool], problem: str) -> None:
    if not future.done():
        future.set_exception(RetryLaterError(problem))
        future.exception()  # the caller may have gone; then nobody else looks
