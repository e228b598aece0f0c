"""Rates over distances that the kernel's own accounting allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robometrics.queries.pieces import rates
from robometrics.queries.selection import select_one
from robometrics.queries.stretches import STRETCH_NS
from robometrics.schema import NS_PER_SECOND
from robometrics.store.strips import Samples

CPU = select_one("cpu_percent")
MS = 1_000_000
TICK_MS = 4


def samples(time_ms: Sequence[int], cpu_ms: Sequence[float]) -> Samples:
    """Return the readings of a CPU clock; the first is what was before the others."""
    time_ns = np.array(time_ms, np.int64) * MS
    counter = (np.array(cpu_ms) * MS).astype(np.int64)
    distance = np.full(len(time_ns) - 1, MS)
    return Samples(time_ns[1:], counter[1:], time_ns[:-1], counter[:-1], distance)


def test_a_clock_that_moves_each_4_ms_shows_one_core_and_not_four() -> None:
    time_ms = list(range(1_000))
    at_ticks = [each // TICK_MS * TICK_MS for each in time_ms]
    known, percent = rates(CPU, samples(time_ms, at_ticks))
    assert 999 == known.sum() == len(percent), "each sample keeps its value"
    assert 90 <= percent.min()
    assert percent.max() <= 110


def test_steps_that_are_long_enough_are_taken_as_they_are() -> None:
    _, percent = rates(CPU, samples([0, 100, 140, 240], [0, 10, 50, 50]))
    assert [10.0, 100.0, 0.0] == percent.tolist()


def test_what_is_left_over_joins_the_stretch_before_it() -> None:
    _, percent = rates(CPU, samples([0, 100, 140, 150], [0, 10, 10, 35]))
    assert [10.0, 50.0, 50.0] == percent.tolist()


def test_a_stretch_ends_at_a_reset_and_with_its_second() -> None:
    reset = samples([0, 50, 100, 110, 160], [50, 75, 0, 10, 60])
    known, percent = rates(CPU, reset)
    assert [True, False, True, True] == known.tolist()
    assert [50.0, 100.0, 100.0] == percent.tolist()
    _, percent = rates(CPU, samples([910, 960, 990, 1_010, 1_050], [0, 80, 80, 80, 80]))
    assert [100.0, 100.0, 0.0, 0.0] == percent.tolist()


def test_a_stretch_ends_where_a_batch_is_missing() -> None:
    whole = samples([0, 50, 60, 100], [0, 50, 50, 50])
    before_ns = whole.before_ns.copy()
    before_ns[1] = whole.time_ns[1]  # nobody knows what was before
    known, percent = rates(CPU, whole._replace(before_ns=before_ns))
    assert [True, False, True] == known.tolist()
    assert [100.0, 0.0] == percent.tolist()


def test_what_is_too_short_altogether_has_no_rate() -> None:
    """As the first second after a burst: one sample, 1 ms after the last of those."""
    known, _ = rates(CPU, samples([999, 1_000], [0, 4]))
    assert [False] == known.tolist()


@given(
    st.lists(
        st.tuples(st.integers(1, 100), st.integers(0, 10_000)), min_size=1, max_size=60
    )
)
def test_nothing_is_lost_and_no_rate_is_of_too_short_a_time(
    steps: list[tuple[int, int]],
) -> None:
    time_ms = np.cumsum([0, *(ms for ms, _ in steps)])
    counter_ms = np.cumsum([0, *(grown for _, grown in steps)])
    found = samples(time_ms.tolist(), counter_ms.tolist())
    known, percent = rates(CPU, found)
    rate = np.zeros(len(known))
    rate[known] = percent / CPU.scale
    seconds = (found.time_ns - found.before_ns) / NS_PER_SECOND
    slots = found.time_ns // NS_PER_SECOND
    for slot in np.unique(slots):
        mine = slots == slot
        values, before = found.values[mine], found.before[mine]
        whole_ns = found.time_ns[mine][-1] - found.before_ns[mine][0]
        assert bool(known[mine].all()) == (whole_ns >= STRETCH_NS)
        assert known[mine].any() == known[mine].all()
        if known[mine].all():
            grown_ns = (rate[mine] * seconds[mine]).sum()
            np.testing.assert_allclose(grown_ns, values[-1] - before[0], atol=1)
            changes = np.flatnonzero(np.diff(rate[mine])) + 1
            lengths = [each.sum() for each in np.split(seconds[mine], changes)]
            assert round(min(lengths) * NS_PER_SECOND) >= STRETCH_NS
