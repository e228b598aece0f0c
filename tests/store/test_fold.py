"""The arithmetic of rollups: sums that commute, rates, quantiles."""

from __future__ import annotations

import math
from typing import Any

import pytest
from builders import SLOT, process_batch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from robometrics.schema import NS_PER_SECOND, Previous
from robometrics.store.fold import (
    MetricStats,
    WindowStats,
    bucket,
    merged,
    points,
    quantile,
    rates,
    slot_stats,
)

KEYS = ["cpu_time_ns", "memory_rss_bytes", "load_1m", "io_read_bytes_total"]
VALUES = st.none() | st.integers(-(10**12), 10**12)
POSITIVE = st.floats(1e-6, 1e15)


@st.composite
def parts(draw: st.DrawFn, count: int) -> list[WindowStats]:
    """Return the statistics of *count* different slots of one run."""
    slots = draw(
        st.lists(st.integers(0, 99), min_size=count, max_size=count, unique=True)
    )
    found = []
    for slot in slots:
        offsets = sorted(draw(st.sets(st.integers(0, 999), min_size=1, max_size=5)))
        size = len(offsets)
        columns = st.lists(VALUES, min_size=size, max_size=size)
        found.append(
            slot_stats(
                process_batch(
                    slot=SLOT + slot,
                    offset_ns=offsets,
                    metrics=draw(st.dictionaries(st.sampled_from(KEYS), columns)),
                    previous=None,
                )
            )
        )
    return found


@given(parts(2))
def test_merging_commutes(found: list[WindowStats]) -> None:
    a, b = found

    assert merged(a, b) == merged(b, a)


@given(parts(3))
def test_merging_associates(found: list[WindowStats]) -> None:
    a, b, c = found

    assert merged(merged(a, b), c) == merged(a, merged(b, c))


@given(parts(1))
def test_nothing_is_neutral(found: list[WindowStats]) -> None:
    [a] = found

    assert a == merged(a, WindowStats()) == merged(WindowStats(), a)


def sketch_of(values: list[float]) -> dict[str, int]:
    return {name: [*map(bucket, values)].count(name) for name in map(bucket, values)}


@given(
    st.dictionaries(st.integers(0, NS_PER_SECOND - 1), VALUES, min_size=2, max_size=9)
)
def test_a_gauge_of_a_slot_is_what_one_would_count_by_hand(
    samples: dict[int, int | None],
) -> None:
    offsets = sorted(samples)
    batch = process_batch(
        offset_ns=offsets, metrics={"memory_rss_bytes": [samples[at] for at in offsets]}
    )
    known = [(at, value) for at, value in sorted(samples.items()) if value is not None]
    values = [value for _, value in known]

    found = slot_stats(batch)

    assert (len(samples), 500_000_000) == (found.count, found.interval_ns)
    if not known:
        assert {} == found.metrics
        return
    start = SLOT * NS_PER_SECOND
    assert {
        "memory_rss_bytes": MetricStats(
            count=len(values),
            total=sum(values),
            low=min(values),
            high=max(values),
            first_ns=start + known[0][0],
            last_ns=start + known[-1][0],
            last=values[-1],
            sketch=sketch_of([*map(float, values)]),
        )
    } == found.metrics


def cpu(offsets: list[int], values: list[int | None], **changes: Any) -> Any:
    return process_batch(
        offset_ns=offsets,
        metrics={"cpu_time_ns": values},
        **({"previous": None} | changes),
    )


def test_a_counter_of_a_slot_keeps_its_ends_and_its_rates() -> None:
    before = Previous(offset_ns=-NS_PER_SECOND, counters={"cpu_time_ns": 50})

    found = slot_stats(cpu([0, 500_000_000], [100, 300], previous=before))

    start = SLOT * NS_PER_SECOND
    assert {
        "cpu_time_ns": MetricStats(
            count=2,
            low=100,
            high=300,
            first_ns=start,
            last_ns=start + 500_000_000,
            rate_low=50.0,
            rate_high=400.0,
            sketch=sketch_of([50.0, 400.0]),
        )
    } == found.metrics


def test_the_first_rate_of_a_slot_comes_from_the_sample_before_it() -> None:
    before = Previous(offset_ns=-500_000_000, counters={"cpu_time_ns": 0})
    start = SLOT * NS_PER_SECOND

    assert [(start, 20.0), (start + 500_000_000, 40.0)] == [
        *rates(cpu([0, 500_000_000], [10, 30], previous=before), "cpu_time_ns")
    ]


@pytest.mark.parametrize("previous", [None, Previous(offset_ns=-1, counters={"a": 1})])
def test_without_a_counter_before_it_the_first_sample_has_no_rate(
    previous: Previous | None,
) -> None:
    batch = cpu([0, 500_000_000], [10, 30], previous=previous)

    assert [40.0] == [rate for _, rate in rates(batch, "cpu_time_ns")]


def test_a_counter_that_ran_backwards_has_no_rate_there() -> None:
    """It was reset; what it did meanwhile nobody knows."""
    offsets = [0, 250_000_000, 500_000_000]
    before = Previous(offset_ns=-250_000_000, counters={"cpu_time_ns": 1_000})

    batch = cpu(offsets, [5, 10, 9], previous=before)

    assert [20.0] == [rate for _, rate in rates(batch, "cpu_time_ns")]


def test_a_missing_value_makes_one_longer_step() -> None:
    batch = cpu([0, 250_000_000, 500_000_000], [0, None, 10])

    assert [20.0] == [rate for _, rate in rates(batch, "cpu_time_ns")]


def test_a_single_value_is_of_the_last_sample() -> None:
    batch = process_batch(offset_ns=[1, 2, 3], metrics={"thread_count": [7]})

    assert [(SLOT * NS_PER_SECOND + 3, 7)] == [*points(batch, "thread_count")]
    assert [] == [*points(batch, "unknown")]


@pytest.mark.parametrize("key", ["cpu_time_ns", "io_read_bytes_total", "load_1m"])
def test_the_largest_numbers_the_schema_lets_in_can_be_folded(key: str) -> None:
    """One message that cannot be folded would be delivered for ever."""
    for column in ([-1e280, 1e280], [-(2**63), 2**63 - 1], [-(2**63), 1e280]):
        stats = slot_stats(
            process_batch(offset_ns=[0, 1], metrics={key: column}, previous=None)
        ).metrics[key]
        numbers = [stats.total, stats.rate_high or 0, stats.low, stats.high]
        assert all(n is not None and math.isfinite(n) for n in numbers)
        for q in (0, 0.5, 1):
            assert math.isfinite(quantile(stats.sketch, q) or 0)


@given(
    st.lists(POSITIVE | POSITIVE.map(lambda x: -x) | st.just(0.0), min_size=1),
    st.floats(0, 1),
)
@example([1.0], 0.5)
@example([1.0, 1.02, 1.04], 0.5)
@example([-5.0, 0.0, 5.0], 0.0)
def test_a_quantile_is_within_one_percent_of_the_exact_one(
    values: list[float], q: float
) -> None:
    exact = sorted(values)[math.floor(q * (len(values) - 1))]

    found = quantile(sketch_of(values), q)

    assert exact == pytest.approx(found, rel=0.01 * 1.02, abs=0)


@given(st.lists(POSITIVE, min_size=2), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_do_not_fall(values: list[float], a: float, b: float) -> None:
    assume(a < b)
    low, high = (quantile(sketch_of(values), q) for q in (a, b))

    assert low is not None
    assert high is not None
    assert low <= high


def test_there_is_no_quantile_of_nothing() -> None:
    assert quantile({}, 0.5) is None


def test_a_window_is_named_after_its_longest_interval() -> None:
    a = slot_stats(process_batch(interval_ns=1))
    b = slot_stats(process_batch(slot=SLOT + 1, interval_ns=2))

    assert (2, 4) == (merged(a, b).interval_ns, merged(a, b).count)
