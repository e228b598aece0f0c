"""Mend the times in a message that was taken before the clock was set."""

from __future__ import annotations

from typing import Any

import msgspec

from robometrics.errors import DiscardMessageError
from robometrics.schema import NS_PER_SECOND, UNREADABLE

_SECONDS = ("slot", "from_slot", "to_slot")
_NANOSECONDS = ("at_ns", "started_at_ns")
_decoder = msgspec.msgpack.Decoder(dict[str, Any])
_encoder = msgspec.msgpack.Encoder()


def restamp(data: bytes, shift_seconds: int) -> bytes:
    """Return the batch, event or tally in *data*, *shift_seconds* later.

    Decoded as plain data on purpose: 1970 is not a time the schema takes.

    Raises:
        DiscardMessageError: *data* is no message.
    """
    try:
        message = _decoder.decode(data)
        for key in _SECONDS:
            if message.get(key) is not None:
                message[key] += shift_seconds
        for key in _NANOSECONDS:
            if message.get(key) is not None:
                message[key] += shift_seconds * NS_PER_SECOND
        return _encoder.encode(message)
    except (*UNREADABLE, TypeError, OverflowError) as exc:
        raise DiscardMessageError(f"no message: {exc}") from exc
