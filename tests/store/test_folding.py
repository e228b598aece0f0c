"""Folding many batches at once gives what one would count by hand, batch by batch."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np
import pytest
from builders import SLOT, process_batch
from hypothesis import given
from hypothesis import strategies as st
from rollup_oracle import merged, sketch_of, slot_stats

from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store.fold import MetricStats, WindowStats
from robometrics.store.rollups.folding import CHUNK_VALUES, chunks, fold
from robometrics.store.rollups.groups import grouped
from robometrics.store.rollups.parts import read_parts
from robometrics.store.rollups.rollups import stats_of

PAGE = SLOT - SLOT % 60
KEYS = ["cpu_time_ns", "memory_rss_bytes", "load_1m", "io_read_bytes_total"]
INTEGERS = st.integers(-(10**12), 10**12)
FLOATS = st.floats(-1e12, 1e12)


@st.composite
def columns(draw: st.DrawFn, size: int) -> list[Any]:
    """One column: of integers, floats or both, with missing ones or not, or single."""
    values = draw(st.sampled_from([INTEGERS, FLOATS, INTEGERS | FLOATS]))
    if draw(st.booleans()):
        values = st.none() | values
    return draw(
        st.lists(values, min_size=(n := draw(st.sampled_from([1, size]))), max_size=n)
    )


@st.composite
def batches(draw: st.DrawFn) -> list[AnyBatch]:
    """Batches of some runs and seconds, of whatever shapes."""
    found = []
    for run, slot in draw(
        st.sets(
            st.tuples(st.sampled_from(["a-1", "b-2"]), st.integers(PAGE, PAGE + 99)),
            min_size=1,
            max_size=6,
        )
    ):
        offsets = sorted(
            draw(st.sets(st.integers(0, 10**9 - 1), min_size=1, max_size=4))
        )
        counters = st.dictionaries(st.sampled_from(KEYS), INTEGERS)
        previous = st.builds(
            Previous, offset_ns=st.integers(-(10**9), -1), counters=counters
        )
        found.append(
            process_batch(
                run=run,
                slot=slot,
                interval_ns=draw(st.integers(1, 10**9)),
                offset_ns=offsets,
                metrics=draw(
                    st.dictionaries(st.sampled_from(KEYS), columns(len(offsets)))
                ),
                previous=draw(st.none() | previous),
            )
        )
    return found


def folded(sent: list[AnyBatch]) -> dict[tuple[str, int], WindowStats]:
    """Return the windows that the product makes of *sent*, by run and start."""
    groups = list(grouped(sent).values())
    found: dict[tuple[str, int], WindowStats] = {}
    for group, part in zip(groups, fold(groups), strict=True):
        for index, (count, interval_ns) in part.windows.items():
            found[group.run, group.page + 10 * index] = WindowStats(
                count=count, interval_ns=interval_ns
            )
        for key, records in part.records.items():
            buckets = part.buckets.get(key, b"")
            windows = read_parts([(group.page, [records], [buckets])])
            for start, stats in stats_of(windows):
                found[group.run, start].metrics[key] = stats
    return found


def expected(sent: list[AnyBatch]) -> dict[tuple[str, int], WindowStats]:
    parts: dict[tuple[str, int], list[WindowStats]] = {}
    for batch in sorted(sent, key=lambda each: each.slot):
        window = batch.run, batch.slot - batch.slot % 10  # type: ignore[union-attr]
        parts.setdefault(window, []).append(slot_stats(batch))
    return {window: reduce(merged, stats) for window, stats in parts.items()}


@given(batches())
def test_folding_at_once_is_folding_one_by_one(sent: list[AnyBatch]) -> None:
    by_hand, found = expected(sent), folded(sent)

    for window, stats in by_hand.items():
        for key, metric in stats.metrics.items():
            mine = found[window].metrics[key]
            if isinstance(metric.total, float):  # its rounding depends on the order
                assert metric.total == pytest.approx(mine.total, rel=1e-9, abs=1e-3)
                mine.total = metric.total
    assert by_hand == found


@given(st.dictionaries(st.integers(0, 10**9 - 1), st.none() | INTEGERS, min_size=2))
def test_a_gauge_of_a_slot_is_what_one_would_count_by_hand(
    samples: dict[int, int | None],
) -> None:
    offsets = sorted(samples)
    batch = process_batch(
        slot=PAGE,
        offset_ns=offsets,
        metrics={"memory_rss_bytes": [samples[at] for at in offsets]},
    )
    known = [(at, value) for at, value in sorted(samples.items()) if value is not None]
    values = [value for _, value in known]

    [found] = folded([batch]).values()

    assert (len(samples), 500_000_000) == (found.count, found.interval_ns)
    if not known:
        assert {} == found.metrics
        return
    start = PAGE * NS_PER_SECOND
    assert {
        "memory_rss_bytes": MetricStats(
            count=len(values),
            total=sum(values),
            low=min(values),
            high=max(values),
            first_ns=start + known[0][0],
            last_ns=start + known[-1][0],
            last=values[-1],
            sketch=sketch_of(values),
        )
    } == found.metrics


def test_a_counter_of_a_slot_keeps_its_ends_and_its_rates() -> None:
    before = Previous(offset_ns=-NS_PER_SECOND, counters={"cpu_time_ns": 50})
    batch = process_batch(
        slot=PAGE,
        offset_ns=[0, 500_000_000],
        metrics={"cpu_time_ns": [100, 300]},
        previous=before,
    )

    [found] = folded([batch]).values()

    start = PAGE * NS_PER_SECOND
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


@pytest.mark.parametrize("key", ["cpu_time_ns", "io_read_bytes_total", "load_1m"])
@pytest.mark.parametrize(
    "column", [[-1e280, 1e280], [-(2**63), 2**63 - 1], [-(2**63), 1e280]]
)
def test_the_largest_numbers_the_schema_lets_in_can_be_folded(
    key: str, column: list[Any]
) -> None:
    """One message that cannot be folded would be delivered for ever."""
    batch = process_batch(offset_ns=[0, 1], metrics={key: column}, previous=None)

    [found] = folded([batch]).values()

    stats = found.metrics[key]
    assert (min(column), max(column)) == (stats.low, stats.high)
    assert math.isfinite(stats.total)
    if stats.rate_high is not None:
        assert float(column[1] - column[0]) * 1e9 == stats.rate_high


def test_a_whole_int64_of_growth_in_a_nanosecond_has_its_rate() -> None:
    batch = process_batch(
        offset_ns=[0, 1], metrics={"cpu_time_ns": [-(2**63), 2**63 - 1]}, previous=None
    )

    [found] = folded([batch]).values()

    assert float(2**64 - 1) * 1e9 == found.metrics["cpu_time_ns"].rate_high


def test_sums_that_an_int64_cannot_hold_are_floats() -> None:
    unlimited = 2**63 - 4_096
    batch = process_batch(
        offset_ns=[0, 1, 2], metrics={"memory_total_bytes": [unlimited] * 3}
    )

    [found] = folded([batch]).values()

    stats = found.metrics["memory_total_bytes"]
    assert (unlimited, unlimited, unlimited) == (stats.low, stats.high, stats.last)
    assert 3 * unlimited == pytest.approx(stats.total, rel=1e-15)


def test_chunks_hold_every_group_once_and_are_bounded() -> None:
    sent = [
        process_batch(
            run=f"r-{n}", offset_ns=[*range(100)], metrics={"load_1m": [*range(100)]}
        )
        for n in range(1_300)
    ]
    groups = list(grouped(sent).values())

    found = list(chunks(groups))

    assert groups == [group for chunk in found for group in chunk]
    assert [500, 500, 300] == [len(chunk) for chunk in found]
    assert CHUNK_VALUES == 500 * 100
    assert [] == list(chunks([]))
    assert np.array_equal([100] * 300, [p.windows[2][0] for p in fold(found[-1])])
