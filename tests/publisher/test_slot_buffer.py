"""A slot's columns: what each value belongs to, and which is none."""

from __future__ import annotations

import math

import pytest

from robometrics.publisher.series import SlotBuffer, Value

from .bench import SECOND


@pytest.mark.parametrize("value", [2**64, 2**63, -(2**63) - 1, math.nan, math.inf])
def test_a_number_no_batch_can_hold_costs_itself_and_no_other(value: Value) -> None:
    """A kernel's counter that ran below zero, in ns: it stopped the worker."""
    buffer = SlotBuffer()
    buffer.add(0, {"cpu_steal_time_ns": value, "cpu_time_ns": 5})
    buffer.set_singles({"gpu_power_watts": value})
    _, columns, _ = buffer.take(100)
    buffer.add(1, {})
    _, _, previous = buffer.take(101)

    assert {
        "cpu_steal_time_ns": [None],
        "cpu_time_ns": [5],
        "gpu_power_watts": [None],
    } == columns
    assert previous is not None
    assert {"cpu_time_ns": 5} == previous.counters


def test_a_buffer_gives_single_values_to_the_last_sample() -> None:
    buffer = SlotBuffer()
    buffer.add(0, {"cpu_time_ns": 5})
    buffer.add(10, {"cpu_time_ns": 7})
    buffer.set_singles({"thread_count": 3})
    offsets, columns, previous = buffer.take(100)
    assert ([0, 10], {"cpu_time_ns": [5, 7], "thread_count": [3]}, None) == (
        offsets,
        columns,
        previous,
    )
    buffer.add(3, {"cpu_time_ns": 9})
    _, _, previous = buffer.take(101)
    assert previous is not None
    assert (10 - SECOND, {"cpu_time_ns": 7}) == (
        previous.offset_ns,
        previous.counters,
    )


@pytest.mark.parametrize("hours", [2, 48])
def test_a_long_silence_breaks_the_chain(hours: int) -> None:
    buffer = SlotBuffer()
    buffer.add(0, {"cpu_time_ns": 5})
    buffer.take(100)
    buffer.add(0, {"cpu_time_ns": 6})
    assert buffer.take(100 + hours * 3600)[2] is None
