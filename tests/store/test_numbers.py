"""Packed columns of numbers: bit by bit, small, and no bytes can hurt."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from robometrics.errors import DiscardMessageError
from robometrics.store.numbers import COUNT_MAX, Floats, Ints, Numbers, pack, unpack

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=True, width=64)
LOW, HIGH = -(2**63), 2**63 - 1


def ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def floats(values: list[float]) -> Floats:
    return np.array(values, np.float64)


def bits(found: Numbers) -> list[int]:
    listed: list[int] = found.view(np.uint64).tolist()
    return listed


def returned(values: Numbers) -> Numbers:
    back = unpack(pack(values))
    assert values.dtype == back.dtype
    return back


@st.composite
def long_ints(draw: st.DrawFn) -> list[int]:
    """Stretches that are alike, that grow evenly, and multiples of something."""
    found: list[int] = []
    for _ in range(draw(st.integers(0, 4))):
        start, step = draw(INT64), draw(st.sampled_from([0, 0, 1, -1, 4096]) | INT64)
        length = draw(st.sampled_from([1, 2, 3, 100, 5_000]))
        found += [(start + i * step + 2**63) % 2**64 - 2**63 for i in range(length)]
    return found


@given(st.lists(INT64) | long_ints())
@example([])
@example([0])
@example([LOW])
@example([LOW, HIGH])
@example([HIGH, LOW, 0, HIGH])
@example([LOW, HIGH] * 3_000)
@example([0, HIGH, -2])  # differences of differences that wrap
@example([7] * 10_000)
@example([*range(10_000)])
@example([4096 * i * i for i in range(5_000)])
def test_integers_come_back_exactly(values: list[int]) -> None:
    assert values == returned(ints(values)).tolist()


@given(st.lists(FLOATS))
@example([])
@example([0.0])
@example([-0.0])
@example([0.0, -0.0])
@example([5e-324, -5e-324, 2.2250738585072014e-308])
@example([1.7976931348623157e308, -1.7976931348623157e308])
@example([float("inf"), float("nan"), float("-inf"), 1.0])
@example([2.0**53, 2.0**53 + 2, 0.5])
@example([0.5] * 10_000)
def test_floats_come_back_bit_by_bit(values: list[float]) -> None:
    given_ = floats(values)

    assert bits(given_) == bits(returned(given_))


@given(st.integers(0, 4), st.lists(st.integers(-(10**9), 10**9)))
@example(0, [2**53, -(2**53)])
@example(4, [1, 10_001, -99_999])
def test_decimals_come_back_bit_by_bit(digits: int, wholes: list[int]) -> None:
    given_ = floats([whole / 10**digits for whole in wholes])

    assert bits(given_) == bits(returned(given_))


@given(st.integers(1, 2**40), INT64, st.lists(st.integers(0, 2**20), min_size=1))
def test_multiples_come_back_exactly(unit: int, base: int, times: list[int]) -> None:
    given_ = ints([(base + unit * n + 2**63) % 2**64 - 2**63 for n in times])

    assert given_.tolist() == returned(given_).tolist()


def test_more_than_a_column_may_have_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at most"):
        pack(np.zeros(COUNT_MAX + 1, np.int64))


def test_threads_do_not_disturb_each_other() -> None:
    columns = [ints([n * i * i for i in range(5_000)]) for n in range(16)]

    with ThreadPoolExecutor(4) as threads:
        back = [*threads.map(lambda column: returned(column).tolist(), columns * 4)]

    assert [column.tolist() for column in columns * 4] == back


COUNT = 36_000
CHANCE = random.Random(1)  # noqa: S311  the same bytes at every run


def walk(steps: list[int]) -> Ints:
    return np.cumsum(ints(steps))


SIZES: list[tuple[str, Numbers, float]] = [
    ("one number", ints([12_345] * COUNT), 0),
    ("one float", floats([0.1] * COUNT), 0),
    ("an even counter", ints([10**15 + 1_000 * i for i in range(COUNT)]), 0),
    ("a counter that speeds up", ints([i * i for i in range(COUNT)]), 0),
    ("16 steps", walk([CHANCE.randrange(16) for _ in range(COUNT)]), 0.5),
    ("256 steps", walk([CHANCE.randrange(256) for _ in range(COUNT)]), 1),
    ("far from 0", walk([10**9 + CHANCE.randrange(256) for _ in range(COUNT)]), 1),
    ("pages", ints([4096 * CHANCE.randrange(256) for _ in range(COUNT)]), 1),
    ("whole floats", floats([CHANCE.randrange(256) for _ in range(COUNT)]), 1),
    ("tenths", floats([CHANCE.randrange(256) / 10 for _ in range(COUNT)]), 1),
    ("hundredths", floats([CHANCE.randrange(65_536) / 100 for _ in range(COUNT)]), 2),
    ("mostly alike", ints([0] * (COUNT - 1) + [1]), 0),
    ("any floats", floats([CHANCE.gauss(0, 1) for _ in range(COUNT)]), 8),
    ("any integers", ints([CHANCE.getrandbits(64) + LOW for _ in range(COUNT)]), 8),
]


@pytest.mark.parametrize(
    ("values", "bytes_each"), [each[1:] for each in SIZES], ids=[e[0] for e in SIZES]
)
def test_a_column_takes_what_is_new_in_it(values: Numbers, bytes_each: float) -> None:
    """Its entropy, within a tenth, and a head of less than 100 bytes."""
    assert len(pack(values)) <= 100 + 1.1 * bytes_each * COUNT


@given(st.binary(max_size=80))
@example(b"")
@example(b"\x00\x00\x00\x00\x00")
@example(b"\x00\x01\x00\x00\x00")  # a number that is not there
@example(b"\x00\x01\x00\x00\x00" + b"\x00" * 16)  # and one too many
@example(b"\x03\x01\x00\x00\x00" + b"\xff" * 34)
@example(b"\x04\x01\x00\x00\x00")
@example(b"\x04\x01\x00\x00\x00\x09\x00\x01\x00\x00\x00" + b"\x00" * 8)
@example(b"\x05\x00\x00\x00\x00")
@example(b"\x04\x01\x00\x00\x00\x00" * 20_000)  # decimals in decimals
def test_arbitrary_bytes_raise_nothing_but_discard(data: bytes) -> None:
    try:
        found = unpack(data)
    except DiscardMessageError:
        return
    assert len(found) <= COUNT_MAX


@given(long_ints().map(ints) | st.lists(FLOATS).map(floats), st.data())
def test_damaged_columns_raise_nothing_but_discard(
    values: Numbers, data: st.DataObject
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


@contextmanager
def allocating_at_most(bytes_max: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes <= bytes_max


def series(count: int, width: int, frame: bytes) -> bytes:
    head = struct.pack("<BIBBqqqQ", 3, count, 0, width, 0, 0, 0, 1)
    return head + frame


def frame(size: int) -> bytes:
    """Return a few bytes that say they are *size* bytes of zeros."""
    return zstandard.compress(bytes(size))


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<BIq", 0, COUNT_MAX + 1, 0),
        struct.pack("<BIq", 0, 2**32 - 1, 0),
        struct.pack("<BI", 0, COUNT_MAX),
        struct.pack("<BI", 2, COUNT_MAX) + frame(100),
        series(COUNT_MAX, 8, frame(100)),
        series(100, 1, frame(50_000_000)),
        series(2**32 - 1, 0, frame(0)),
        struct.pack("<BIBBIq", 4, 10, 0, 0, COUNT_MAX, 0),
    ],
)
def test_a_lying_head_allocates_nothing(data: bytes) -> None:
    with allocating_at_most(100_000), pytest.raises(DiscardMessageError):
        unpack(data)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<BIq", 0, COUNT_MAX, 0),
        series(COUNT_MAX, 0, frame(0)),
        series(COUNT_MAX, 8, frame(8 * COUNT_MAX)),
        struct.pack("<BI", 2, COUNT_MAX) + frame(8 * COUNT_MAX),
    ],
)
def test_few_bytes_that_are_many_numbers_have_a_bound(data: bytes) -> None:
    with allocating_at_most(50 * COUNT_MAX):
        assert COUNT_MAX == len(unpack(data))


GOLDEN: list[tuple[str, list[int] | list[float]]] = [
    (
        "0000000000",
        [],
    ),
    (
        "00030000000700000000000000",
        [7, 7, 7],
    ),
    (
        "00010000000000000000000080",
        [LOW],
    ),
    (
        "01020000009a9999999999b93f",
        [0.1, 0.1],
    ),
    (
        "020300000028b52ffd20188500005000000100f8f8003fbf800100322002",
        [1.5, -0.0, 5e-324],
    ),
    (
        (
            "030400000002016400000000000000001000000000000000e0ffffffffffff00200000"
            "0000000028b52ffd20021100000100"
        ),
        [100, 4196, 8292, 4196],
    ),
    (
        (
            "030400000002010a000000000000000a00000000000000000000000000000001000000"
            "0000000028b52ffd20021100000001"
        ),
        [10, 20, 30, 41],
    ),
    (
        (
            "030300000002000000000000000080ffffffffffffffff020000000000008001000000"
            "0000000028b52ffd2000010000"
        ),
        [LOW, HIGH, 0],
    ),
    (
        (
            "0306000000020001000000000000000300000000000000020000000000000001000000"
            "0000000028b52ffd2000010000"
        ),
        [1, 4, 9, 16, 25, 36],
    ),
    (
        (
            "0403000000020303000000020096000000000000004b00000000000000a8fdffffffff"
            "ffff010000000000000028b52ffd2000010000"
        ),
        [1.5, 2.25, -3.0],
    ),
    (
        (
            "0403000000000303000000020002000000000000000100000000000000010000000000"
            "0000010000000000000028b52ffd2000010000"
        ),
        [2.0, 3.0, 5.0],
    ),
    (
        (
            "0303000000020000000000000000002c01000000000000affdffffffffffff01000000"
            "0000000028b52ffd2000010000"
        ),
        [0, 300, 7],
    ),
]


@pytest.mark.parametrize(("packed", "values"), GOLDEN)
def test_what_was_packed_once_is_readable_for_ever(
    packed: str, values: list[int] | list[float]
) -> None:
    """Blocks stay for years, beside programs that are newer."""
    found = unpack(bytes.fromhex(packed))

    assert values == found.tolist()
    assert [*map(type, values)] == [*map(type, found.tolist())]


def test_every_codec_is_among_them() -> None:
    assert {*range(5)} == {int(packed[:2], 16) for packed, _ in GOLDEN}
