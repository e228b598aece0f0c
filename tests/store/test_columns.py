"""Packed columns: every value comes back, and no bytes can hurt."""

from __future__ import annotations

import math
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from robometrics.errors import DiscardMessageError
from robometrics.store.columns import Number, pack, unpack

INT64 = st.integers(-(2**63), 2**63 - 1)
EXACT_IN_FLOAT = st.integers(-(2**53), 2**53)
FLOATS = st.floats(allow_nan=False)


@given(st.lists(st.none() | INT64))
@example([])
@example([None])
@example([None] * 9)
@example([0])
@example([-(2**63), 2**63 - 1])
@example([2**63 - 1, -(2**63), 0, None])
@example([0, 127, -1, -129])
@example([0, 2**15 - 1, -1])
@example([0, 2**31, 0])
def test_integers_come_back_exactly_and_as_integers(values: list[int | None]) -> None:
    """A cgroup without a limit reports 2^63 - 4096: that is no reason to round."""
    back = unpack(pack(values))

    assert values == back
    assert [*map(type, values)] == [*map(type, back)]


@given(st.lists(st.none() | FLOATS))
@example([0.0, -0.0])
@example([5e-324, 1.7976931348623157e308])
def test_floats_come_back_bit_by_bit(values: list[float | None]) -> None:
    back = unpack(pack(values))

    assert values == back
    assert [math.copysign(1, v) for v in values if v is not None] == [
        math.copysign(1, v) for v in back if v is not None
    ]


@given(st.lists(st.none() | FLOATS | EXACT_IN_FLOAT))
@example([1, 2.5])
@example([None, 1, None, 0.5])
def test_integers_among_floats_come_back_equal(values: list[Number | None]) -> None:
    assert values == unpack(pack(values))


@pytest.mark.parametrize(
    ("step", "bytes_"), [(1, 1), (127, 1), (128, 2), (2**15, 4), (2**31, 8)]
)
def test_small_steps_take_few_bytes(step: int, bytes_: int) -> None:
    values: list[Number | None] = [10**12 + step * i for i in range(101)]

    assert 1 + 8 + 100 * bytes_ == len(pack(values))


@given(st.binary(max_size=64))
@example(b"")
@example(b"\x80")
@example(b"\x80\x02\x00\x00\x00\x03\x00")  # two values announced, none there
@example(b"\x80\xff\xff\xff\xff\x00\x00")  # four billion announced
@example(b"\x80\x01\x00\x00\x00\xff\x00")  # a bit beyond the count
@example(b"\x80\x00\x00\x00\x00" * 5_000)  # bitmaps in bitmaps
@example(b"\x08" + b"\xff" * 7)
@example(b"\x03" + b"\x00" * 16)
def test_arbitrary_bytes_raise_nothing_but_discard(data: bytes) -> None:
    try:
        found = unpack(data)
    except DiscardMessageError:
        return
    assert len(found) <= 8 * len(data)


@given(st.lists(st.none() | INT64, max_size=30), st.data())
def test_damaged_columns_raise_nothing_but_discard(
    values: list[int | None], data: st.DataObject
) -> None:
    packed = bytearray(pack(values))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(packed)))

    for damaged in (bytes(packed), bytes(packed[:cut])):
        try:
            unpack(damaged)
        except DiscardMessageError:
            continue


def test_a_lying_count_allocates_nothing() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DiscardMessageError):
            unpack(b"\x80" + b"\xff\xff\xff\x0f" + b"\x00" * 100)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 100_000
