"""Messages to bytes, and back: the only ways in, and they bound everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from robometrics.errors import DiscardMessageError
from robometrics.metrics import is_key
from robometrics.schema.batches import AnyBatch
from robometrics.schema.notes import Event, Tally

MESSAGE_BYTES_MAX = 256 * 1024

_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(AnyBatch)
_note_decoder = msgspec.msgpack.Decoder(Event | Tally)

encode = _encoder.encode
"""Encode a batch, an event or a tally."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises of bytes that are broken, no text, or nested without end."""

_T = TypeVar("_T")


def decode_batch(data: bytes) -> AnyBatch:
    """Decode and check one batch.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    batch: AnyBatch = decode_bounded(_batch_decoder, data, MESSAGE_BYTES_MAX)
    check_columns(batch)
    return batch


def decode_note(data: bytes) -> Event | Tally:
    """Decode what travels on the subject of events.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    note: Event | Tally = decode_bounded(_note_decoder, data, MESSAGE_BYTES_MAX)
    return note


def decode_bounded(
    decoder: msgspec.msgpack.Decoder[_T] | msgspec.json.Decoder[_T],
    data: bytes,
    bytes_max: int,
) -> _T:
    """Decode at most *bytes_max* bytes.

    Raises:
        DiscardMessageError: *data* is longer, or breaks the schema.
    """
    if len(data) > bytes_max:
        raise DiscardMessageError(f"{len(data)} bytes; at most {bytes_max} are allowed")
    try:
        return decoder.decode(data)
    except UNREADABLE as exc:
        raise DiscardMessageError(str(exc)[:500]) from exc


def check_columns(batch: AnyBatch) -> None:
    """Check what types cannot say: keys, and that columns fit the times.

    Raises:
        DiscardMessageError: They do not.
    """
    _check_keys(batch.metrics)
    if batch.previous is not None:
        _check_keys(batch.previous.counters)
    offsets = batch.offset_ns
    if len(offsets) > 1 and sorted(set(offsets)) != offsets:
        raise DiscardMessageError("offset_ns: must increase")

    lengths = (1, len(offsets))
    if set(map(len, batch.metrics.values())).issubset(lengths):
        return
    for key, column in batch.metrics.items():
        if len(column) not in lengths:
            raise DiscardMessageError(
                f"metrics.{key}: {len(column)} values for {len(offsets)} samples"
            )


_known_keys: set[str] = set()
_KNOWN_KEYS_MAX = 65_536  # names of interfaces and threads come and go for ever


def _check_keys(found: Mapping[str, object]) -> None:
    """Refuse what is no key of a metric; matching each anew would double the cost."""
    if found.keys() <= _known_keys:
        return
    for key in found.keys() - _known_keys:
        if not is_key(key):
            raise DiscardMessageError(f"{key[:80]!r} is no key of a metric")
    if len(_known_keys) > _KNOWN_KEYS_MAX:
        _known_keys.clear()
    _known_keys.update(found)
