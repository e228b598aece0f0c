"""Steps: runs side by side add up, runs in turn share; nothing falls between."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.queries.grid import Curve, Steps, gather, listed
from robometrics.queries.pieces import Pieces
from robometrics.queries.selection import select_one
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND

GAUGE = select_one("memory_rss_bytes")
COUNTER = select_one("cpu_time_ns")

PIECE = st.tuples(
    st.integers(0, 99), st.integers(-1_000, 1_000), st.sampled_from([0.1, 1.0, 2.0])
)


def pieces(rows: Sequence[tuple[int, float, float]]) -> Pieces:
    """Return pieces of second, mean and weight."""
    ordered = sorted(rows, key=lambda row: row[0])
    at = np.array([second * NS_PER_SECOND for second, _, _ in ordered], np.int64)
    mean = np.array([mean for _, mean, _ in ordered], np.float64)
    weight = np.array([weight for *_, weight in ordered], np.float64)
    return Pieces(at, mean * weight, weight, mean, mean)


def steps(start: int, stop: int, seconds: int) -> Steps:
    span = Span(start * NS_PER_SECOND, stop * NS_PER_SECOND, 1)
    return Steps.of(span, seconds * NS_PER_SECOND)


@given(
    st.lists(st.lists(PIECE, min_size=1, max_size=30), max_size=4),
    st.integers(0, 50),
    st.integers(1, 50),
    st.integers(1, 20),
)
def test_each_step_is_what_a_plain_sum_makes_of_it(
    runs: list[list[tuple[int, float, float]]], start: int, length: int, seconds: int
) -> None:
    wanted = steps(start, start + length, seconds)

    curve = gather(wanted, GAUGE, [pieces(run) for run in runs])

    first = start - start % seconds
    for index in range(wanted.size):
        low = first + index * seconds
        inside = [[row for row in run if low <= row[0] < low + seconds] for run in runs]
        there = [run for run in inside if run]
        rows = [row for run in there for row in run]
        if not rows:
            assert all(math.isnan(each[index]) for each in curve)
            continue
        weight = sum(weight for *_, weight in rows)
        if len(there) > 1:
            weight = min(weight, seconds)
        mean = sum(mean * weight for _, mean, weight in rows) / weight
        assert curve.mean[index] == pytest.approx(mean)
        assert curve.low[index] == min(mean for _, mean, _ in rows)
        assert curve.high[index] == pytest.approx(
            max(mean, *(mean for _, mean, _ in rows))
        )


def test_no_rounding_puts_a_mean_outside_of_what_it_is_of() -> None:
    constant = [(second, 8_933_376.1, 0.1) for second in range(10)]

    curve = gather(steps(0, 10, 10), GAUGE, [pieces(constant)])

    assert ([8_933_376.1],) * 3 == tuple(each.tolist() for each in curve)


def test_a_counter_itself_is_where_it_ended() -> None:
    curve = gather(steps(0, 10, 10), COUNTER, [pieces([(1, 5, 1.0), (9, 70, 1.0)])])

    assert ([70], [5], [70]) == tuple(each.tolist() for each in curve)


def test_steps_begin_at_multiples_of_themselves_and_cover_the_span() -> None:
    wanted = steps(7, 31, 10)

    assert (0, 4) == (wanted.start_ns, wanted.size)
    assert [0.0, 10_000.0, 20_000.0, 30_000.0] == wanted.times_ms()


def test_what_is_not_known_is_nothing_and_not_a_number() -> None:
    curve = gather(steps(0, 20, 10), GAUGE, [pieces([(3, 2, 1.0)])])

    assert [2.0, None] == listed(curve.mean)
    assert isinstance(curve, Curve)
