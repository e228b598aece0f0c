"""What the broker gave up delivering: it says so once, and keeps the message for ever.

On a stream with interest retention a message stays until each durable acknowledged it.
One that a durable may get no more would stay, so somebody acknowledges it instead.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from nats.js.errors import APIError, NotFoundError

from robometrics.broker.consumer import Puller
from robometrics.broker.delivery import Delivery
from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.broker.provisioning import ADVISORIES, ADVISORIES_DURABLE, STREAM
from robometrics.errors import RetryLaterError
from robometrics.schema import decode_bounded

_ADVISORY_BYTES_MAX = 4_096
_ANSWER_SECONDS = 5.0


class GivenUp(msgspec.Struct):
    """One advisory: *consumer* gets this message no more."""

    stream: Literal["ROBOMETRICS"]
    consumer: Literal["persist", "rollup"]
    stream_seq: Annotated[int, msgspec.Meta(ge=1)]
    deliveries: Annotated[int, msgspec.Meta(ge=0)] = 0


class StoredMessage(msgspec.Struct):
    """One message as the stream has it."""

    subject: str
    data: bytes


_decoder = msgspec.json.Decoder(GivenUp)


def decode_advisory(data: bytes) -> GivenUp:
    """Decode an advisory about a durable of ours.

    Raises:
        DiscardMessageError: It is none.
    """
    return decode_bounded(_decoder, data, _ADVISORY_BYTES_MAX)


class Advisories:
    """The advisories that nobody has dealt with."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._puller = Puller(link, ADVISORIES_DURABLE, ADVISORIES)

    async def fetch(self, count: int) -> list[Delivery]:
        """Return advisories, at most *count*; wait a second for the first.

        Raises:
            RetryLaterError: The broker is away, or not provisioned.
        """
        return await self._puller.fetch(count)

    async def read(self, stream_sequence: int) -> StoredMessage | None:
        """Return a message of the stream, ``None`` if it has gone.

        Raises:
            RetryLaterError: The broker is away.
        """
        js = self._link.require_client().jetstream()
        try:
            found = await js.get_msg(STREAM, seq=stream_sequence)
        except NotFoundError:
            return None
        except (*DOWN_ERRORS, APIError) as exc:
            raise RetryLaterError(
                f"cannot read message {stream_sequence} of {STREAM}: {exc!r}"
            ) from exc
        return StoredMessage(found.subject or "", found.data or b"")

    async def acknowledge_for(self, given_up: GivenUp) -> None:
        """Acknowledge a message in the name of its durable; the others still get it.

        Raises:
            RetryLaterError: It may not be acknowledged.
        """
        # The subject on which a delivery is answered: prefix, stream, durable, times
        # delivered, place in the stream, place in the durable, when, how many wait.
        # Only the place in the stream counts for a message that is not out.
        subject = (
            f"$JS.ACK.{given_up.stream}.{given_up.consumer}"
            f".{given_up.deliveries}.{given_up.stream_seq}.0.0.0"
        )
        answer = await self._link.request(
            subject, b"+ACK", timeout_seconds=_ANSWER_SECONDS
        )
        if answer is None:
            raise RetryLaterError(f"{given_up.consumer} of {STREAM} is not there")
