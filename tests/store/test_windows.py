"""Windows as arrays: merged in any way, packed and back, and quantiles of them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rollup_oracle import merged, sketch_of

from robometrics.errors import DiscardMessageError
from robometrics.store.fold import MetricStats, WindowStats
from robometrics.store.rollups import (
    MetricWindows,
    Sketches,
    merged_sketches,
    quantiles,
)
from robometrics.store.rollups.block_fields import (
    pack_metrics,
    unpack_metric,
    unpack_sketch,
    unpack_times,
)
from robometrics.store.rollups.packing import pack_rows, unpack_rows
from robometrics.store.rollups.rollups import stats_of
from robometrics.store.rollups.sketches import bucket_codes, middles
from robometrics.store.rollups.windows import merged_metric

BASE = 1_789_999_200  # a whole hour
INT64 = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.integers(-(10**12), 10**12)
FLOATS = st.floats(-1e12, 1e12)
POSITIVE = st.floats(1e-6, 1e15)


@st.composite
def windows(draw: st.DrawFn, gauges: Sequence[bool] = (True, False)) -> MetricWindows:
    """Windows of 10 s of one metric in an hour, of a gauge or a counter, or both."""
    starts = sorted(draw(st.sets(st.integers(0, 359), min_size=1, max_size=6)))
    n = len(starts)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    values = draw(st.sampled_from([NUMBERS, FLOATS]))
    gauge = np.array(column(st.sampled_from(gauges)))
    start = BASE + 10 * np.array(starts)
    lengths = np.array(column(st.integers(0, 10**10 - 1)))
    low = np.array(column(values))
    rates = np.where(gauge, np.nan, np.array(column(FLOATS)))
    codes = np.unique(draw(st.lists(st.integers(-90_000, 90_000), max_size=4)))
    pairs = [(s, c) for s in start for c in codes.astype(np.int64)]
    return MetricWindows(
        start=start,
        count=np.array(column(st.integers(1, 1_000))),
        low=low,
        high=low + 1,
        first_ns=start * 10**9 + lengths // 2,
        last_ns=start * 10**9 + lengths,
        gauge=gauge,
        total=np.where(gauge, np.array(column(NUMBERS)), 0),
        last=np.where(gauge, low, 0) if gauge.any() else np.zeros(n, np.int64),
        rate_low=rates,
        rate_high=rates + 1,
        sketch=Sketches(
            *np.array(pairs, np.int64).reshape(-1, 2).T, np.ones(len(pairs), np.int64)
        ),
    )


PARTS = st.booleans().flatmap(
    lambda gauge: st.lists(windows([gauge]), min_size=2, max_size=4)
)


def by_window(found: MetricWindows, seconds: int = 1) -> dict[int, MetricStats]:
    """Return what the oracle makes of *found* in windows of *seconds*."""
    parts: dict[int, list[WindowStats]] = {}
    for start, stats in stats_of(found):
        one = WindowStats(metrics={"m": stats})
        parts.setdefault(start - start % seconds, []).append(one)
    return {start: reduce(merged, each).metrics["m"] for start, each in parts.items()}


@given(PARTS, st.sampled_from([10, 60, 3_600]))
def test_windows_merge_as_if_one_by_one(
    parts: list[MetricWindows], seconds: int
) -> None:
    expected: dict[int, list[WindowStats]] = {}
    for part in parts:
        for start, stats in by_window(part, seconds).items():
            expected.setdefault(start, []).append(WindowStats(metrics={"m": stats}))

    found = by_window(merged_metric(parts, seconds))

    assert {
        start: reduce(merged, each).metrics["m"] for start, each in expected.items()
    } == found


@given(PARTS, st.randoms())
def test_neither_order_nor_grouping_matters(
    parts: list[MetricWindows], order: random.Random
) -> None:
    whole = merged_metric(parts, 60)
    order.shuffle(parts)
    cut = order.randint(1, len(parts) - 1)

    halves = [merged_metric(parts[:cut], 10), merged_metric(parts[cut:], 60)]

    assert dict(stats_of(whole)) == dict(stats_of(merged_metric(halves, 60)))


@given(windows(), st.integers(0, 400), st.integers(0, 400))
def test_a_part_of_windows_is_those_that_begin_in_it(
    found: MetricWindows, a: int, b: int
) -> None:
    start, stop = BASE + 10 * a - 5, BASE + 10 * b

    part = found.between(start, stop)

    assert {at: stats for at, stats in stats_of(found) if start <= at < stop} == dict(
        stats_of(part)
    )


@given(windows(), windows())
def test_windows_come_out_of_a_block_as_they_went_in(
    a: MetricWindows, b: MetricWindows
) -> None:
    """Also where two metrics were read at the same times, and are packed so."""
    likewise = msgspec.structs.replace(a, count=a.count + 1)
    metrics = {"a": a, "b": b, "c": likewise, "d": b}

    packed = pack_metrics(metrics, BASE, 10)

    times = unpack_times(packed)
    assert 1 <= len(times) <= 2
    for key, found in metrics.items():
        metric = unpack_metric(packed["m"][key], times, BASE, 10)
        if key in packed["q"]:
            sketch = unpack_sketch(packed["q"][key], BASE, 10)
            metric = msgspec.structs.replace(metric, sketch=sketch)
        assert dict(stats_of(found)) == dict(stats_of(metric))
        assert [c.dtype for c in found.numbers] == [c.dtype for c in metric.numbers]


def test_a_metric_whose_times_are_not_there_is_an_error() -> None:
    start = np.array([BASE])
    one = MetricWindows(*[start] * 6, start > 0, start, start, start / 2, start / 2)
    packed = pack_metrics({"a": one, "b": one}, BASE, 10)

    with pytest.raises(DiscardMessageError, match="times 1"):
        unpack_metric(packed["m"]["a"], [], BASE, 10)


@given(
    st.integers(0, 20).flatmap(
        lambda n: st.lists(
            st.lists(INT64, min_size=n, max_size=n), min_size=1, max_size=5
        )
    ),
    st.integers(0, 65_535),
)
def test_rows_come_out_as_they_went_in(rows: list[list[int]], flags: int) -> None:
    packed = pack_rows([np.array(row, np.int64) for row in rows], flags)

    found, kept = unpack_rows(packed)

    assert (rows, flags) == ([row.tolist() for row in found], kept)


ROWS = pack_rows([np.arange(40), np.arange(40) ** 3])


@given(
    st.binary(max_size=40)
    | st.integers(0, len(ROWS) - 1).map(lambda at: ROWS[:at])
    | st.tuples(st.integers(0, len(ROWS) - 1), st.integers(1, 255)).map(
        lambda bit: ROWS[: bit[0]] + bytes([ROWS[bit[0]] ^ bit[1]]) + ROWS[bit[0] + 1 :]
    )
)
def test_bytes_that_are_no_rows_are_an_error_and_nothing_else(data: bytes) -> None:
    try:
        rows, _ = unpack_rows(data)
    except DiscardMessageError:
        return
    assert sum(map(len, rows)) <= 80 * 8


def sketches(*values: list[float]) -> Sketches:
    """Return windows of 10 s, each with some values."""
    return merged_sketches(
        [
            Sketches(
                np.full(len(codes), BASE + 10 * index),
                np.array([*codes], np.int64),
                np.array([*codes.values()], np.int64),
            )
            for index, each in enumerate(values)
            for codes in [sketch_of(each)]
        ],
        10,
    )


QS = [0.0, 0.5, 0.95, 0.99, 1.0]


@given(
    st.lists(
        st.lists(POSITIVE | POSITIVE.map(lambda x: -x) | st.just(0.0), min_size=1),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
@example([[1.0, 1.02, 1.04]], [0.5])
@example([[-5.0, 0.0, 5.0], [1.0]], [0.0])
@example([[1.0], [1.0, 2.0]], [1 - 2**-53])
def test_quantiles_are_within_one_percent_of_the_exact_ones(
    values: list[list[float]], qs: list[float]
) -> None:
    starts = BASE + 10 * np.arange(len(values))

    found = quantiles(sketches(*values), starts, qs)

    for row, each in zip(found, values, strict=True):
        exact = [sorted(each)[math.floor(q * (len(each) - 1))] for q in qs]
        assert exact == pytest.approx(row.tolist(), rel=0.01 * 1.02, abs=0)


@given(st.lists(st.lists(POSITIVE, min_size=1), min_size=1), st.floats(0, 1))
def test_the_quantile_of_all_windows_is_that_of_all_values(
    values: list[list[float]], q: float
) -> None:
    pooled = merged_sketches([sketches(*values)])

    [[found]] = quantiles(pooled, np.array([0]), [q])

    whole = sorted(value for each in values for value in each)
    exact = whole[math.floor(q * (len(whole) - 1))]
    assert exact == pytest.approx(found, rel=0.01 * 1.02, abs=0)


@given(st.lists(POSITIVE, min_size=2), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_do_not_fall(values: list[float], a: float, b: float) -> None:
    assume(a < b)
    [[low, high]] = quantiles(sketches(values), np.array([BASE]), [a, b])

    assert low <= high


def test_there_is_no_quantile_where_there_is_no_window() -> None:
    starts = np.array([BASE - 10, BASE, BASE + 10])

    found = quantiles(sketches([1.0]), starts, [0.5])

    assert [True, False, True] == np.isnan(found[:, 0]).tolist()
    assert np.isnan(quantiles(sketches(), starts, QS)).all()


def test_buckets_order_as_their_values_do() -> None:
    values = [-1e289, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1e289]

    codes = bucket_codes(np.array(values))

    assert sorted(codes.tolist()) == codes.tolist()
    assert [-1.0, 0.0, 1.0] == pytest.approx(middles(codes[[1, 3, 5]]).tolist(), 0.0102)


@pytest.mark.parametrize("kind", ["cpu", "memory", "bursts"])
def test_quantiles_of_a_day_of_a_program_are_within_one_percent(kind: str) -> None:
    """Percentiles that people look at, on what programs do."""
    draw = np.random.default_rng(5)
    values = {
        "cpu": draw.gamma(2.0, 12.0, 86_400),
        "memory": 2e8 + np.cumsum(draw.normal(0, 40_960, 86_400)),
        "bursts": np.where(
            draw.random(86_400) < 0.02, draw.pareto(1.5, 86_400) * 1e6, 3
        ),
    }[kind]
    codes = bucket_codes(values)
    start = BASE + 10 * (np.arange(86_400) // 10)
    day = merged_sketches([Sketches(start, codes, np.ones(86_400, np.int64))])

    [found] = quantiles(day, np.array([0]), QS)

    exact = np.quantile(values, QS, method="lower")
    assert exact.tolist() == pytest.approx(found.tolist(), rel=0.0102)
