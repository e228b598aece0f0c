"""Generated days look like what a worker would have sent."""

from __future__ import annotations

from itertools import pairwise

from benchmarks import history
from robometrics.schema import NS_PER_SECOND, decode_batch, encode


def test_two_runs_of_a_benchmark_have_the_same_history() -> None:
    first, second = history.History(range(2)), history.History(range(2))
    for one, other in zip(first.next_hour(), second.next_hour(), strict=True):
        assert one.metrics.keys() == other.metrics.keys()
        assert all(
            (one.metrics[key] == other.metrics[key]).all() for key in one.metrics
        )


def test_its_batches_name_the_one_before_over_the_end_of_an_hour() -> None:
    past = history.History([7])
    batches = [
        batch for _ in range(2) for hour in past.next_hour() for batch in hour.batches()
    ]
    assert 2 * history.HOUR_SECONDS == len(batches)
    for before, after in pairwise(batches):
        assert after == decode_batch(encode(after))
        assert before.slot + 1 == after.slot
        assert after.previous is not None
        assert before.offset_ns[0] - NS_PER_SECOND == after.previous.offset_ns
        for key, value in after.previous.counters.items():
            assert [value] == before.metrics[key]
            assert value <= after.metrics[key][0]
