"""Pack a column of numbers into bytes, and back; the first byte names the codec.

Integers become a first value and differences in the narrowest width that holds them
(counters and addresses of a second differ little); floats stay as they are. Missing
values are kept apart in a bitmap. All little-endian.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain
from operator import sub
from typing import cast

from robometrics.errors import DiscardMessageError

_WIDTHS = {"b": 1, "h": 2, "i": 4, "q": 8}
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
_FLOAT = 0
_NULLS = 0x80
_HEADER = struct.Struct("<Bq")
_COUNT = struct.Struct("<I")
_LIMITS = (("b", 2**7), ("h", 2**15), ("i", 2**31), ("q", 2**63))

Number = int | float


def pack(values: Sequence[Number | None]) -> bytes:
    """Return *values* as bytes.

    Layout: codec byte (0x80: a bitmap of missing values follows as count, bits);
    then for codec 0 float64 values; for codec 1, 2, 4 or 8 an int64 and differences of
    that many bytes, modulo 2^64.
    """
    if None in values:
        present = [value for value in values if value is not None]
        bits = sum(1 << i for i, value in enumerate(values) if value is not None)
        bitmap = bits.to_bytes((len(values) + 7) // 8, "little")
        return bytes([_NULLS]) + _COUNT.pack(len(values)) + bitmap + pack(present)
    if not values:
        return b"\x00"
    if set(map(type, values)) == {int}:
        return _pack_integers(cast("Sequence[int]", values))
    return b"\x00" + _little(array("d", cast("Sequence[float]", values)))


def _pack_integers(values: Sequence[int]) -> bytes:
    steps = list(map(sub, values[1:], values))
    low, high = (min(steps), max(steps)) if steps else (0, 0)
    for code, limit in _LIMITS:
        if -limit <= low and high < limit:
            packed = _little(array(code, steps))
            return _HEADER.pack(_WIDTHS[code], values[0]) + packed
    wrapped = array("q", map(_wrapped, steps))  # they need 65 bits
    return _HEADER.pack(8, values[0]) + _little(wrapped)


def _wrapped(value: int) -> int:
    """Return *value* modulo 2^64, in the range of an int64."""
    return (value + 2**63) % 2**64 - 2**63


def unpack(data: bytes) -> list[Number | None]:
    """Return the values that ``pack`` made *data* of.

    Raises:
        DiscardMessageError: *data* is not such bytes.
    """
    try:
        return _unpack(data)
    except (struct.error, ValueError, IndexError, KeyError) as exc:
        raise DiscardMessageError(f"not a packed column: {exc}") from exc


def _unpack(data: bytes) -> list[Number | None]:
    codec = data[0]
    if codec == _NULLS:
        (count,) = _COUNT.unpack_from(data, 1)
        start = 1 + _COUNT.size
        stop = start + (count + 7) // 8
        bits = int.from_bytes(data[start:stop], "little")
        if data[stop] == _NULLS:
            raise ValueError("a bitmap in a bitmap")
        values = _unpack(data[stop:])
        if len(values) != bits.bit_count() or bits >> count:
            raise ValueError(f"{len(values)} values do not fit the bitmap")
        present = iter(values)
        return [next(present) if bits >> i & 1 else None for i in range(count)]
    if codec == _FLOAT:
        return list(_from_little("d", data[1:]))
    _, first = _HEADER.unpack_from(data)
    steps = _from_little(_CODES[codec], data[_HEADER.size :])
    summed = accumulate(chain((first,), cast("array[int]", steps)))
    return list(map(_wrapped, summed) if _CODES[codec] == "q" else summed)


def _little(values: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _from_little(code: str, data: bytes) -> array[int] | array[float]:
    values: array[int] | array[float] = array(code)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
