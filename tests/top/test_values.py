"""Rates and gauges of a batch are those the server derives."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from builders import SLOT, gpu_batch, host_batch, process_batch
from hypothesis import given
from hypothesis import strategies as st

from robometrics.metrics import DERIVED
from robometrics.schema import NS_PER_SECOND, Previous
from robometrics.store.fold import points, rates
from robometrics.top.values import highest, seconds, value

MS = 1_000_000
COLUMNS = st.lists(st.none() | st.integers(0, 10**12), min_size=1, max_size=12)


@given(COLUMNS, st.none() | st.integers(0, 10**12), st.data())
def test_a_rate_is_the_mean_of_the_servers_rates(
    column: list[int | None], before: int | None, data: st.DataObject
) -> None:
    """Also where a counter was reset, or could not be read."""
    steps = data.draw(
        st.lists(st.integers(1, 80), min_size=len(column), max_size=len(column))
    )
    offsets = [each * MS for each in accumulate(steps)]
    batch = process_batch(
        offset_ns=offsets,
        metrics={"cpu_time_ns": column},
        previous=None
        if before is None
        else Previous(offset_ns=-7 * MS, counters={"cpu_time_ns": before}),
    )

    found = value(batch, "cpu_percent")

    times = dict(rates(batch, "cpu_time_ns"))
    known = [at_ns for at_ns, _ in points(batch, "cpu_time_ns")]
    if before is not None:
        known.insert(0, SLOT * NS_PER_SECOND - 7 * MS)
    weights = {
        at_ns: at_ns - before_ns
        for before_ns, at_ns in pairwise(known)
        if at_ns in times
    }
    if not weights:
        assert found is None
        return
    grown = sum(times[at_ns] * weight for at_ns, weight in weights.items())
    expected = grown / sum(weights.values()) * DERIVED["cpu_percent"].scale
    assert pytest.approx(expected, rel=1e-9, abs=1e-9) == found


def test_a_gauge_is_its_last_known_value() -> None:
    batch = process_batch(metrics={"memory_rss_bytes": [1, None], "thread_count": [3]})
    assert (1, 3, None) == (
        value(batch, "memory_rss_bytes"),
        value(batch, "thread_count"),
        value(batch, "gpu_memory_used_bytes"),
    )
    assert 42 == value(gpu_batch(), "gpu_utilization_percent")


def test_a_counter_read_once_in_the_slot_counts_from_the_sample_before() -> None:
    batch = process_batch(
        metrics={"io_read_bytes_total": [5_000]},
        previous=Previous(
            offset_ns=-NS_PER_SECOND // 2, counters={"io_read_bytes_total": 1_000}
        ),
    )
    assert 4_000 == value(batch, "io_read_bytes_per_second")


def test_the_hottest_sensor_counts() -> None:
    metrics = {"temperature_celsius:a": [40.0], "temperature_celsius:b": [61.5, None]}
    batch = host_batch(offset_ns=[0, 1], metrics=metrics | {"load_1m": [99]})
    assert 61.5 == highest(batch, "temperature_celsius")
    assert highest(host_batch(), "temperature_celsius") is None


@pytest.mark.parametrize(
    ("interval_seconds", "step_seconds", "expected"),
    [(1, None, 1), (1, 1, 1), (0.1, 0.1, 1), (10, 10, 10), (1, 2, 2), (1, 60, 1)],
)
def test_a_rate_holds_of_the_time_since_the_sample_before(
    interval_seconds: float, step_seconds: float | None, expected: int
) -> None:
    """But not of a gap: that is drawn as one."""
    previous = (
        None
        if step_seconds is None
        else Previous(offset_ns=-int(step_seconds * NS_PER_SECOND), counters={})
    )
    batch = process_batch(
        interval_ns=int(interval_seconds * NS_PER_SECOND), previous=previous
    )
    assert expected == seconds(batch)
