"""Trails: bounded, with gaps where nothing is known, and drawn in their place."""

from __future__ import annotations

from math import isnan, nan

from builders import SLOT
from hypothesis import given
from hypothesis import strategies as st

from robometrics.top.trail import (
    SECONDS,
    Trail,
    chart,
    highest_of,
    peak,
    sparkline,
)

PUTS = st.lists(st.tuples(st.integers(0, 2 * SECONDS), st.integers(0, 100)))


@given(PUTS)
def test_it_has_the_last_value_of_each_second_however_they_come(
    puts: list[tuple[int, int]],
) -> None:
    """Late ones too, if they are not older than what is drawn."""
    trail, expected, newest = Trail(), dict[int, int](), 0
    for offset, value in puts:
        trail.put(SLOT + offset, value)
        newest = max(newest, offset)
        if offset > newest - SECONDS:
            expected[offset] = value
    found = trail.until(SLOT + newest, SECONDS)
    for offset, value in zip(
        range(newest - SECONDS + 1, newest + 1), found, strict=True
    ):
        wanted = expected.get(offset, nan)
        assert wanted == value or (isnan(wanted) and isnan(value))


def test_seconds_it_does_not_know_are_nan() -> None:
    trail = Trail()
    trail.put(SLOT, 5.0)
    assert all(map(isnan, trail.until(SLOT + 2, 2)))
    assert [5.0] == trail.until(SLOT + 2, 3)[:1]
    assert all(map(isnan, trail.until(SLOT - 1, 10)))


def test_a_value_holds_of_the_seconds_it_was_measured_over() -> None:
    trail = Trail()
    trail.put(SLOT, 1.0)
    trail.put(SLOT + 10, 5.0, seconds=10)
    assert [1.0, *[5.0] * 10] == trail.until(SLOT + 10, 11)


def test_a_copy_does_not_change_with_its_origin() -> None:
    trail = Trail()
    trail.put(SLOT, 1.0)
    copy = trail.copy()
    trail.put(SLOT + SECONDS, 2.0)
    assert [1.0] == copy.until(SLOT, 1)


def test_a_sparkline_tells_zero_from_not_known() -> None:
    assert "▁█ ▅" == sparkline([0.0, 100.0, nan, 57.0], 100)
    assert "▁" == sparkline([0.0], 0)


def test_a_chart_shows_whatever_is_known() -> None:
    assert ["   █", "█  █", "█▁ █"] == chart([66.7, 0.0, nan, 100.0], 100, 3)


@given(st.lists(st.floats(0, 1e9) | st.just(nan), max_size=40), st.integers(1, 12))
def test_a_chart_is_a_rectangle(values: list[float], height: int) -> None:
    lines = chart(values, peak(values), height)
    assert [len(values)] * height == [len(line) for line in lines]


def test_peaks_outlive_being_drawn_together() -> None:
    assert [3.0, 9.0] == highest_of([1.0, 3.0, nan, 9.0], 2)
    [found] = highest_of([nan, nan], 2)
    assert isnan(found)
