"""A stretched recording goes on as its processes would have."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from builders import SLOT, process_batch

from benchmarks.stretching import stretched
from robometrics.schema import AnyBatch, Previous, decode_batch, encode
from robometrics.store.fold import rates

STEP_NS = 500_000_000


def recording() -> list[AnyBatch]:
    """Return six seconds of one that runs on, and two of one that ends in it."""
    batches: list[AnyBatch] = []
    for second in range(6):
        batches.append(_batch(second, process="steady"))
        if second in (2, 3):
            batches.append(_batch(second, process="short", run="ab12cd34-43-778"))
    return batches


def _batch(second: int, **changes: Any) -> AnyBatch:
    spent = [(2 * second + i) * 1_000 for i in (1, 2)]
    return process_batch(
        slot=SLOT + second,
        metrics={"cpu_time_ns": spent, "memory_rss_bytes": [7_000, None]},
        previous=Previous(
            offset_ns=-STEP_NS, counters={"cpu_time_ns": spent[0] - 1_000}
        ),
        **changes,
    )


def test_it_fills_the_seconds_with_each_slot_once() -> None:
    found = list(stretched(recording(), 10))
    steady = [each.slot - SLOT for each in found if each.name == "steady"]
    assert list(range(10)) == steady
    assert [2, 3, 8, 9] == [each.slot - SLOT for each in found if each.name == "short"]


def test_counters_of_who_ran_all_through_go_on_at_the_same_rate() -> None:
    steady = [each for each in stretched(recording(), 10) if each.name == "steady"]
    assert {"ab12cd34-42-777"} == {each.run for each in steady}
    assert {2_000.0} == {
        rate for each in steady for _, rate in rates(each, "cpu_time_ns")
    }
    for before, after in pairwise(steady):
        assert after.previous is not None
        assert (
            before.metrics["cpu_time_ns"][-1] == after.previous.counters["cpu_time_ns"]
        )


def test_who_began_or_ended_in_it_is_another_run_in_each_round() -> None:
    short = [each for each in stretched(recording(), 10) if each.name == "short"]
    assert 2 == len({each.run for each in short})
    assert short[0].metrics == short[2].metrics


def test_gauges_stay_and_every_batch_keeps_to_the_schema() -> None:
    for each in stretched(recording(), 10):
        assert [7_000, None] == each.metrics["memory_rss_bytes"]
        assert each == decode_batch(encode(each))
