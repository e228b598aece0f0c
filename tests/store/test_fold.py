"""Samples and rates of one batch."""

from __future__ import annotations

from typing import Any

import pytest
from builders import SLOT, process_batch

from robometrics.schema import NS_PER_SECOND, Previous
from robometrics.store.fold import points, rates


def cpu(offsets: list[int], values: list[int | None], **changes: Any) -> Any:
    return process_batch(
        offset_ns=offsets,
        metrics={"cpu_time_ns": values},
        **({"previous": None} | changes),
    )


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
