"""Fetch from a shared durable: any number of copies, each message to one of them."""

from __future__ import annotations

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError

from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.broker.provisioning import STREAM
from robometrics.errors import RetryLaterError

FETCH_SECONDS = 1.0
RETRY_SECONDS = 2.0


class Delivery:
    """One message held until ``ack``, ``term`` or ``retry``."""

    __slots__ = (
        *("_message", "attempts", "data"),
        *("stored_at", "stream_sequence", "subject"),
    )

    def __init__(self, message: Msg) -> None:
        self._message = message
        self.subject = message.subject
        self.data = message.data
        metadata = message.metadata
        self.stream_sequence = metadata.sequence.stream
        self.stored_at = metadata.timestamp.timestamp()
        """When the stream took it: seconds since the Unix epoch, by its clock."""

        self.attempts = metadata.num_delivered or 1

    @property
    def is_done(self) -> bool:
        """Whether it was acknowledged, terminated or handed back."""
        return self._message.is_acked

    async def ack(self) -> None:
        """It is stored: never deliver it again. A lost ack means redelivery."""
        try:
            await self._message.ack()
        except DOWN_ERRORS as exc:
            raise RetryLaterError(f"not acknowledged: {exc!r}") from exc

    async def term(self) -> None:
        """No redelivery can mend it: never deliver it again."""
        try:
            await self._message.term()
        except DOWN_ERRORS as exc:
            raise RetryLaterError(f"not terminated: {exc!r}") from exc

    async def retry(self) -> None:
        """Deliver it again, a little later, unless it is done."""
        if self.is_done:
            return
        try:
            await self._message.nak(delay=RETRY_SECONDS)
        except DOWN_ERRORS as exc:
            raise RetryLaterError(f"not handed back: {exc!r}") from exc

    async def in_progress(self) -> None:
        """Give it to nobody else yet, unless it is done."""
        if self.is_done:
            return
        try:
            await self._message.in_progress()
        except DOWN_ERRORS as exc:
            raise RetryLaterError(f"not told to wait: {exc!r}") from exc


class Puller:
    """Fetches from one durable; binds anew after every trouble."""

    def __init__(self, link: Link, durable: str, stream: str = STREAM) -> None:
        self._link = link
        self._stream = stream
        self.durable = durable
        self._bound: JetStreamContext.PullSubscription | None = None
        self._client: object | None = None

    async def fetch(self, count: int) -> list[Delivery]:
        """Return what is there, at most *count*; wait a second for the first.

        Raises:
            RetryLaterError: The broker is away, or the durable is not provisioned.
        """
        client = self._link.require_client()
        try:
            if self._bound is None or self._client is not client:
                self._bound = await client.jetstream().pull_subscribe_bind(
                    self.durable, self._stream
                )
                self._client = client
            messages = await self._bound.fetch(count, timeout=FETCH_SECONDS)
        except TimeoutError:
            return []
        except (*DOWN_ERRORS, APIError) as exc:
            if _is_timeout(exc):
                return []
            self._bound = None
            raise RetryLaterError(
                f"cannot fetch from {self.durable} of {self._stream}: {exc!r}"
            ) from exc
        return [Delivery(message) for message in messages]

    async def pending(self) -> int:
        """Return how many messages of the durable are not yet acknowledged.

        Raises:
            RetryLaterError: The broker is away, or the durable is not provisioned.
        """
        try:
            info = (
                await self._link.require_client()
                .jetstream()
                .consumer_info(self._stream, self.durable)
            )
        except (*DOWN_ERRORS, APIError) as exc:
            raise RetryLaterError(f"no info of {self.durable}: {exc!r}") from exc
        return (info.num_pending or 0) + (info.num_ack_pending or 0)


def _is_timeout(exc: BaseException) -> bool:
    # Python 3.10 has three unrelated timeout classes; later ones are all TimeoutError.
    return type(exc).__name__ == "TimeoutError"
