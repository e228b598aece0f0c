"""What was not taken is told, in as few gaps as it takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.gaps import Gap, GapLog

SLOT = 1_790_000_040  # the start of a minute


def test_slot_after_slot_is_one_gap_told_when_it_is_over() -> None:
    log = GapLog()
    for slot in range(SLOT, SLOT + 3):
        log.miss("overrun", slot, slot, 2)
        log.miss("overrun", slot, slot, 1)
        assert [] == log.take(slot)
    assert [Gap("overrun", SLOT, SLOT + 2, 9)] == log.take(SLOT + 3)
    assert [] == log.take(SLOT + 4)


def test_what_lies_apart_is_told_apart() -> None:
    log = GapLog()
    log.miss("overrun", SLOT, SLOT, 1)
    log.miss("overrun", SLOT + 5, SLOT + 5, 1)
    log.miss("process_unreadable", SLOT, SLOT, 1, ("a", "r-1"))
    found = log.take(SLOT + 7)
    assert 3 == len(found)
    assert {("a", "r-1"), None} == {gap.whose for gap in found}


def test_a_gap_that_goes_on_is_told_each_minute() -> None:
    log = GapLog()
    told = []
    for slot in range(SLOT + 50, SLOT + 70):
        log.miss("overrun", slot, slot, 1)
        told += log.take(slot)
    assert [Gap("overrun", SLOT + 50, SLOT + 59, 10)] == told
    assert [Gap("overrun", SLOT + 60, SLOT + 69, 10)] == log.take(
        SLOT + 69, everything=True
    )


@given(
    st.lists(
        st.tuples(st.sampled_from(["overrun", "clock"]), st.integers(0, 3)),
        max_size=150,
    )
)
def test_every_sample_is_told_once_in_a_slot_it_belongs_to(
    misses: list[tuple[str, int]],
) -> None:
    log, told, slot = GapLog(), [], SLOT
    missed: dict[tuple[str, int], int] = {}
    for cause, ahead in misses:
        slot += ahead
        log.miss(cause, slot, slot, 1)
        missed[cause, slot] = missed.get((cause, slot), 0) + 1
        told += log.take(slot)
    told += log.take(slot, everything=True)
    assert sum(missed.values()) == sum(gap.missing_samples for gap in told)
    for (cause, at), samples in missed.items():
        covering = [
            gap
            for gap in told
            if gap.cause == cause and gap.from_slot <= at <= gap.to_slot
        ]
        assert samples <= sum(gap.missing_samples for gap in covering)
    for gap in told:
        inside = range(gap.from_slot, gap.to_slot + 1)
        assert all((gap.cause, at) in missed for at in inside), "no hole is covered up"
