"""Sets of slots as integers agree with sets of slots."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from robometrics.store import slots

BASE = 1_790_000_000
SETS = st.sets(st.integers(BASE, BASE + 200))
RANGES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda r: (r[0], sum(r))),
    max_size=8,
)


def bits_of(found: set[int], base: int = BASE) -> int:
    return sum(1 << (slot - base) for slot in found)


def members(found: list[tuple[int, int]]) -> set[int]:
    return {slot for first, last in found for slot in range(first, last + 1)}


@given(SETS)
def test_every_slot_comes_back_in_order(found: set[int]) -> None:
    assert sorted(found) == list(slots.each(bits_of(found), BASE))


@given(SETS)
def test_ranges_are_the_longest_there_are(found: set[int]) -> None:
    ranges = list(slots.ranges(bits_of(found), BASE))

    assert found == members(ranges)
    for (_, last), (first, _) in pairwise(ranges):
        assert last + 1 < first


@given(SETS, st.integers(BASE - 100, BASE + 100))
def test_another_base_keeps_what_does_not_lie_before_it(
    found: set[int], base: int
) -> None:
    kept = {slot for slot in found if slot >= base}

    assert bits_of(kept, base) == slots.moved(bits_of(found), BASE, base)


@given(st.integers(-9, 99), st.integers(-9, 99))
def test_a_span_is_its_slots(start: int, stop: int) -> None:
    kept = {BASE + at for at in range(max(start, 0), stop)}

    assert bits_of(kept) == slots.span(BASE + start, BASE + stop, BASE)


@given(RANGES)
def test_joined_ranges_hold_the_same_and_do_not_touch(
    found: list[tuple[int, int]],
) -> None:
    together = slots.joined(found)

    assert members(found) == members(together)
    assert slots.count(together) == len(members(found))
    assert together == sorted(together)


@given(RANGES, RANGES)
def test_what_is_left_is_the_difference(
    found: list[tuple[int, int]], removed: list[tuple[int, int]]
) -> None:
    left = slots.without(slots.joined(found), removed)

    assert members(found) - members(removed) == members(left)
    assert slots.count(left) == len(members(left))
