"""Long columns of numbers as few bytes: the codec of blocks.

A column is packed in the way that makes it shortest; its first byte tells which:

- *constant*: one number.
- *integers*: the numbers, their differences, or the differences of those; less the
  least of them, divided by their greatest common divisor. So counters, and memory that
  comes in pages, become small numbers.
- *decimals*: floats that are whole, or whole tenths, hundredths, …: as such integers.
- *floats*: each exclusive-or its predecessor, which turns what repeats into zeros
  (Pelkonen et al., "Gorilla", VLDB 2015).

The bytes of such numbers are laid down by place, all lowest ones first, so that zeros
lie side by side; then zstd compresses them.
"""

from __future__ import annotations

import struct
import threading
from typing import cast

import numpy as np
import zstandard
from numpy.typing import NDArray

from robometrics.errors import DiscardMessageError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Numbers = Ints | Floats

COUNT_MAX = 1_000_000
"""A few bytes may say that they are many numbers, but not more than that."""

_CONSTANT, _CONSTANT_FLOAT, _FLOATS, _INTEGERS, _DECIMALS = range(5)
_ORDERS = (0, 1, 2)
_DIGITS = range(5)
_EXACT_MAX = 2.0**53
"""Integers up to here are floats as well."""

_HEAD = struct.Struct("<BI")
"""Codec and count."""

_SERIES = struct.Struct("<BBqqqQ")
"""Order of differences, bytes of each, the first number, the first difference, the
least, and the divisor."""

_NUMBER_BYTES = 8
_TRIED = 4_096
"""Numbers that are enough to see which order of differences is best."""

_TRIAL_LEVEL, _LEVEL = 1, 9
_own = threading.local()  # a context of zstd serves one thread at a time


def pack(values: Numbers) -> bytes:
    """Return *values*, int64 or float64, as bytes."""
    if len(values) > COUNT_MAX:
        raise ValueError(f"{len(values)} numbers; at most {COUNT_MAX} in one column")
    if values.dtype == np.int64:
        return _packed_integers(cast("Ints", values))
    return _packed_floats(cast("Floats", values))


def unpack(data: bytes) -> Numbers:
    """Return the numbers that ``pack`` made *data* of.

    Raises:
        DiscardMessageError: *data* is not such bytes.
    """
    try:
        return _unpack(data)
    except (struct.error, zstandard.ZstdError, ValueError, IndexError) as exc:
        raise DiscardMessageError(f"not a packed column: {exc}") from exc


def _packed_integers(values: Ints) -> bytes:
    count = len(values)
    if not count or (values[0] == values).all():
        return _HEAD.pack(_CONSTANT, count) + values[:1].astype("<i8").tobytes()
    tried = {order: _series(values[:_TRIED], order, _TRIAL_LEVEL) for order in _ORDERS}
    best = min(_ORDERS, key=lambda order: len(tried[order]))
    return _HEAD.pack(_INTEGERS, count) + _series(values, best, _LEVEL)


def _series(values: Ints, order: int, level: int) -> bytes:
    """Return differences of *values*; all is modulo 2^64, so nothing overflows."""
    steps, firsts = values, [0, 0]
    for index in range(order):
        firsts[index] = int(steps[0]) if len(steps) else 0
        steps = np.diff(steps)
    least = int(steps.min()) if len(steps) else 0
    above = (steps - np.int64(least)).view(np.uint64)
    divisor = int(np.gcd.reduce(above)) or 1
    small = above // np.uint64(divisor)
    width = (int(small.max(initial=0)).bit_length() + 7) // 8
    head = _SERIES.pack(order, width, *firsts, least, divisor)
    return head + _compressed(_by_place(small, width), level)


def _packed_floats(values: Floats) -> bytes:
    count = len(values)
    bits = values.view(np.uint64)
    if not count or (bits[0] == bits).all():
        return _HEAD.pack(_CONSTANT_FLOAT, count) + values[:1].astype("<f8").tobytes()
    for digits in _DIGITS:
        scale = 10.0**digits
        with np.errstate(over="ignore"):
            scaled = np.rint(values * scale)
        if not np.abs(scaled).max() < _EXACT_MAX:
            break
        whole = scaled.astype(np.int64)
        if ((whole / scale).view(np.uint64) == bits).all():
            head = _HEAD.pack(_DECIMALS, count) + bytes([digits])
            return head + _packed_integers(whole)
    changes = bits.copy()
    changes[1:] ^= bits[:-1]
    packed = _compressed(_by_place(changes, _NUMBER_BYTES), _LEVEL)
    return _HEAD.pack(_FLOATS, count) + packed


def _unpack(data: bytes) -> Numbers:
    codec, count = _HEAD.unpack_from(data)
    if count > COUNT_MAX:
        raise ValueError(f"{count} numbers")
    body = data[_HEAD.size :]
    if codec in (_CONSTANT, _CONSTANT_FLOAT):
        kind = "<i8" if codec == _CONSTANT else "<f8"
        one = np.frombuffer(body, kind)
        if len(one) != min(count, 1):
            raise ValueError("not one number")
        return np.repeat(one.astype(kind[1:]), count)
    if codec == _INTEGERS:
        return _integers(body, count)
    if codec == _DECIMALS:
        inner, scaled_count = _HEAD.unpack_from(body, 1)
        if (
            inner not in (_CONSTANT, _INTEGERS)
            or scaled_count != count
            or body[0] not in _DIGITS
        ):
            raise ValueError("not decimals")
        return _unpack(body[1:]) / 10.0 ** body[0]
    if codec == _FLOATS:
        changes = _from_places(_decompressed(body, count * _NUMBER_BYTES), count)
        return np.bitwise_xor.accumulate(changes).view(np.float64)
    raise ValueError(f"codec {codec}")


def _integers(body: bytes, count: int) -> Ints:
    order, width, *firsts, least, divisor = _SERIES.unpack_from(body)
    if order not in _ORDERS or width > _NUMBER_BYTES:
        raise ValueError(f"order {order}, width {width}")
    steps = max(0, count - order)
    places = _decompressed(body[_SERIES.size :], steps * width)
    small = _from_places(places, steps)
    numbers = (small * np.uint64(divisor)).view(np.int64) + np.int64(least)
    for first in reversed(firsts[:order]):
        numbers = np.cumsum(np.concatenate([[first], numbers]), dtype=np.int64)
    return numbers[:count]


def _by_place(numbers: NDArray[np.uint64], width: int) -> bytes:
    places = numbers.astype("<u8", copy=False).view(np.uint8).reshape(-1, _NUMBER_BYTES)
    return places[:, :width].T.tobytes()


def _from_places(data: bytes, count: int) -> NDArray[np.uint64]:
    places = np.zeros((count, _NUMBER_BYTES), np.uint8)
    if data:
        stored = np.frombuffer(data, np.uint8).reshape(-1, count).T
        places[:, : stored.shape[1]] = stored
    return places.view("<u8").ravel().astype(np.uint64, copy=False)


def _compressed(data: bytes, level: int) -> bytes:
    made: dict[int, zstandard.ZstdCompressor] = _own.__dict__.setdefault("made", {})
    if level not in made:
        made[level] = zstandard.ZstdCompressor(level, write_checksum=False)
    return made[level].compress(data)


def _decompressed(data: bytes, size: int) -> bytes:
    """Return *size* bytes.

    Raises:
        ValueError: It says that it is of another size: nothing is allocated for that.
        ZstdError: It is not compressed data.
    """
    if zstandard.frame_content_size(data) != size:
        raise ValueError(f"not {size} bytes, compressed")
    if "reader" not in _own.__dict__:
        _own.reader = zstandard.ZstdDecompressor()
    found: bytes = _own.reader.decompress(data)
    return found
