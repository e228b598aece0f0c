"""Time never runs back within a generation."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.clock import FLOOR_NS, SETTLE_NS, STEP_NS, Clock

SECOND = 1_000_000_000


class FakeTime:
    def __init__(self) -> None:
        self.wall = 1_790_000_000 * SECOND
        self.monotonic = 5 * SECOND
        self.asleep = 0
        self.synchronised = True

    def advance(self, ns: int) -> None:
        self.wall += ns
        self.monotonic += ns

    def clock(self, generation: int = 0, **known: Any) -> Clock:
        return Clock(
            generation,
            wall_ns=lambda: self.wall,
            monotonic_ns=lambda: self.monotonic,
            awake_ns=lambda: self.monotonic - self.asleep,
            is_synchronised=lambda: self.synchronised,
            **known,
        )


def test_it_follows_the_monotonic_clock() -> None:
    fake = FakeTime()
    clock = fake.clock()
    before = clock.now_ns()
    fake.advance(SECOND)
    assert before + SECOND == clock.now_ns()
    assert 0 == clock.check()


def test_a_forward_step_is_followed_in_the_same_generation() -> None:
    fake = FakeTime()
    clock = fake.clock()
    fake.wall += 3600 * SECOND
    assert 3600 * SECOND == clock.check()
    assert (fake.wall, 0) == (clock.now_ns(), clock.generation)


def test_a_backward_step_begins_a_new_generation() -> None:
    fake = FakeTime()
    clock = fake.clock()
    fake.wall -= 3600 * SECOND
    assert -3600 * SECOND == clock.check()
    assert (fake.wall, 1) == (clock.now_ns(), clock.generation)


def test_a_small_difference_is_left_alone() -> None:
    fake = FakeTime()
    clock = fake.clock()
    before = clock.now_ns()
    fake.wall -= STEP_NS - 1
    assert 0 == clock.check()
    assert (before, 0) == (clock.now_ns(), clock.generation)


def test_a_worker_that_starts_behind_its_last_slot_is_a_new_generation() -> None:
    fake = FakeTime()
    now_slot = fake.wall // SECOND
    for last_slot, expected in ((now_slot - 1, 4), (now_slot, 4), (now_slot + 60, 5)):
        clock = fake.clock(4, last_slot=last_slot)
        assert expected == clock.generation


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(-(10**12), 10**12))))
def test_no_time_repeats_within_a_generation(moves: list[tuple[int, int]]) -> None:
    fake = FakeTime()
    clock = fake.clock()
    last = {clock.generation: clock.now_ns()}
    for advance, step in moves:
        fake.advance(advance)
        fake.wall += step
        clock.check()
        now = clock.now_ns()
        assert now >= last.get(clock.generation, 0)
        last[clock.generation] = now


def test_sleep_is_no_step_and_is_told_once() -> None:
    fake = FakeTime()
    clock = fake.clock()
    fake.advance(3600 * SECOND)
    fake.asleep += 3000 * SECOND
    assert 0 == clock.check()
    assert 3000 * SECOND == clock.take_sleep_ns()
    assert 0 == clock.take_sleep_ns()


def test_a_clock_in_1970_is_not_set_until_it_jumps() -> None:
    fake = FakeTime()
    fake.wall = 100 * SECOND
    clock = fake.clock(3, last_slot=1_790_000_000)
    assert not clock.is_set
    fake.advance(60 * SECOND)
    assert 0 == clock.check()
    assert not clock.is_set
    before = clock.anchor_ns
    fake.wall = 1_790_000_500 * SECOND
    clock.check()
    assert (True, 3) == (clock.is_set, clock.generation)
    assert fake.wall == clock.now_ns()
    assert clock.anchor_ns - before == fake.wall - 160 * SECOND


def test_a_clock_set_behind_the_last_slot_is_a_new_generation() -> None:
    fake = FakeTime()
    fake.wall = 100 * SECOND
    clock = fake.clock(3, last_slot=1_790_000_000)
    fake.wall = 1_789_999_000 * SECOND
    clock.check()
    assert (True, 4) == (clock.is_set, clock.generation)


def test_a_clock_that_went_on_where_the_host_was_switched_off_waits_a_while() -> None:
    """Such as a board without a battery, which saves the time when it goes down."""
    fake = FakeTime()
    last_slot = fake.wall // SECOND - 5
    fake.synchronised = False
    assert fake.clock(last_slot=last_slot).is_set, "not a new boot"
    clock = fake.clock(last_slot=last_slot, rebooted=True)
    assert not clock.is_set
    fake.synchronised = True
    clock.check()
    assert clock.is_set, "the kernel trusts it"

    fake.synchronised = False
    clock = fake.clock(last_slot=last_slot, rebooted=True)
    fake.advance(SETTLE_NS)
    clock.check()
    assert clock.is_set, "nobody tells it the time: it has to do"


def test_a_clock_well_after_the_last_slot_is_trusted_at_once() -> None:
    fake = FakeTime()
    fake.synchronised = False
    last_slot = fake.wall // SECOND - 3600
    assert fake.clock(last_slot=last_slot, rebooted=True).is_set
    fake.wall = FLOOR_NS - 1
    assert not fake.clock().is_set
