"""One message that a durable handed out, and what is said of it in return."""

from __future__ import annotations

from collections.abc import Sequence

from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.errors import RetryLaterError

RETRY_SECONDS = 2.0
ACK_PREFIX = b"$JS.ACK."
_ACK = b"+ACK"
_NS_PER_SECOND = 1_000_000_000
_SHORT_TOKENS = 9
"""``$JS.ACK.stream.durable.deliveries.place in the stream.place in the durable.when.
how many wait``; newer servers put domain and account behind ``ACK``."""


class Delivery:
    """One message held until ``ack``, ``term`` or ``retry``."""

    __slots__ = (
        "_link",
        "_reply",
        "attempts",
        "data",
        "is_done",
        "stored_at",
        "stream_sequence",
        "subject",
    )

    def __init__(self, link: Link, subject: bytes, reply: bytes, data: bytes) -> None:
        tokens = reply.split(b".")
        first = 4 if len(tokens) == _SHORT_TOKENS else 6
        self._link = link
        self._reply = reply
        self.subject = subject.decode(errors="backslashreplace")
        self.data = data
        self.attempts = int(tokens[first]) or 1
        self.stream_sequence = int(tokens[first + 1])
        self.stored_at = int(tokens[first + 3]) / _NS_PER_SECOND
        """When the stream took it: seconds since the Unix epoch, by its clock."""

        self.is_done = False
        """Whether it was acknowledged, terminated or handed back."""

    async def ack(self) -> None:
        """It is stored: never deliver it again. A lost ack means redelivery.

        Raises:
            RetryLaterError: There is no connection now.
        """
        self._answer(_ACK)
        self.is_done = True

    async def term(self) -> None:
        """No redelivery can mend it: never deliver it again.

        Raises:
            RetryLaterError: There is no connection now.
        """
        self._answer(b"+TERM")
        self.is_done = True

    async def retry(self) -> None:
        """Deliver it again, a little later, unless it is done.

        Raises:
            RetryLaterError: There is no connection now.
        """
        if not self.is_done:
            self._answer(b'-NAK {"delay": %d}' % int(RETRY_SECONDS * _NS_PER_SECOND))
            self.is_done = True

    async def in_progress(self) -> None:
        """Give it to nobody else yet, unless it is done.

        Raises:
            RetryLaterError: There is no connection now.
        """
        if not self.is_done:
            self._answer(b"+WPI")

    def _answer(self, said: bytes) -> None:
        _send(self._link, self._command(said), len(said))

    def _command(self, said: bytes) -> bytes:
        return b"PUB %b %d\r\n%b\r\n" % (self._reply, len(said), said)


def ack_all(deliveries: Sequence[Delivery]) -> None:
    """Acknowledge *deliveries* of one link, all or, if there is no connection, none.

    Raises:
        RetryLaterError: There is no connection now.
    """
    if deliveries:
        commands = [each._command(_ACK) for each in deliveries]  # noqa: SLF001
        _send(deliveries[0]._link, b"".join(commands), len(_ACK))  # noqa: SLF001
    for each in deliveries:
        each.is_done = True


def _send(link: Link, commands: bytes, size_bytes: int) -> None:
    try:
        link.require_client().send(commands, size_bytes)
    except DOWN_ERRORS as exc:
        raise RetryLaterError(f"no answer to a delivery: {exc!r}") from exc
