"""Rows of integers as bytes: what says that it is large is not believed."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from robometrics.errors import DiscardMessageError
from robometrics.store.rollups.packing import (
    _HEADER,
    LENGTH_MAX,
    pack_rows,
    unpack_rows,
)

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.integers(1, 4), st.integers(1, 20), st.data())
def test_what_was_packed_comes_back(
    count: int, length: int, data: st.DataObject
) -> None:
    row = st.lists(INT64, min_size=length, max_size=length)
    rows = data.draw(st.lists(row, min_size=count, max_size=count))

    found, flags = unpack_rows(pack_rows([np.array(each) for each in rows], 7))

    assert 7 == flags
    assert rows == [each.tolist() for each in found]


def bomb(count: int, length: int) -> bytes:
    """Return bytes that say they are so many rows; of zeros it takes but a few."""
    writer = zstandard.ZstdCompressor(write_checksum=False).compressobj(
        size=count * length * 8
    )
    head = _HEADER.pack(1, 0, count, length)
    return (
        head
        + writer.compress(bytes(8))
        + writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    )


@pytest.mark.parametrize(
    ("count", "length"), [(255, 2**32 - 1), (1, LENGTH_MAX + 1), (3, 2**20)]
)
def test_a_few_bytes_never_become_gigabytes(count: int, length: int) -> None:
    data = bomb(count, length)
    assert len(data) < 1_000

    with pytest.raises(DiscardMessageError, match="not packed rows"):
        unpack_rows(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_rows_or_refused(data: bytes) -> None:
    try:
        unpack_rows(data)
    except DiscardMessageError as exc:
        assert str(exc)
