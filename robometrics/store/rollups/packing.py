"""Rows of integers as bytes, and back.

Neighbours in a row differ little: what is kept is the difference, zigzag, so that small
negative ones are small too; then all first bytes, all second ones and so on, since most
of the higher ones are zero; then zstd. Floats go by their bits.

Layout, little-endian: version (1 byte), flags of the caller's (2), number of rows (1),
their length (4), one zstd frame.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import zstandard

from robometrics.errors import DiscardMessageError
from robometrics.store.rollups.sketches import Ints

_VERSION = 1
LENGTH_MAX = 1_000_000
"""Numbers in a row; a few bytes can say that they are many, and all would be made."""

_HEADER = struct.Struct("<BHBI")


def pack_rows(rows: Sequence[Ints], flags: int = 0) -> bytes:
    """Return *rows*, all of one length, as bytes."""
    matrix = np.stack(rows).astype("<i8")
    count, length = matrix.shape
    steps = np.diff(matrix, axis=1, prepend=np.zeros((count, 1), "<i8"))
    zigzag = (steps << 1) ^ (steps >> 63)
    planes = zigzag.view(np.uint8).reshape(count, length, 8).transpose(0, 2, 1)
    header = _HEADER.pack(_VERSION, flags, count, length)
    return header + zstandard.compress(planes.tobytes())


def unpack_rows(data: bytes) -> tuple[list[Ints], int]:
    """Return the rows and flags that ``pack_rows`` made *data* of.

    Raises:
        DiscardMessageError: *data* is not such bytes.
    """
    try:
        version, flags, count, length = _HEADER.unpack_from(data)
        frame = data[_HEADER.size :]
        size = zstandard.frame_content_size(frame)
        is_sized = size == count * length * 8 and count > 0 and length <= LENGTH_MAX
        if version != _VERSION or not is_sized:
            what = f"version {version}, {count} x {length} in {size} bytes"
            raise DiscardMessageError(f"not packed rows: {what}")
        planes = np.frombuffer(zstandard.decompress(frame), np.uint8)
    except (struct.error, zstandard.ZstdError) as exc:
        raise DiscardMessageError(f"not packed rows: {exc}") from exc
    shuffled = planes.reshape(count, 8, length).transpose(0, 2, 1)
    zigzag = np.ascontiguousarray(shuffled).reshape(count, -1).view("<u8")
    steps = (zigzag >> np.uint64(1)).view(np.int64) ^ -(zigzag & np.uint64(1)).view(
        np.int64
    )
    return list(np.cumsum(steps, axis=1, dtype=np.int64)), flags
