"""Time never runs back within a generation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.clock import STEP_NS, Clock

SECOND = 1_000_000_000


class FakeTime:
    def __init__(self) -> None:
        self.wall = 1_790_000_000 * SECOND
        self.monotonic = 5 * SECOND

    def advance(self, ns: int) -> None:
        self.wall += ns
        self.monotonic += ns


def clock_on(fake: FakeTime, generation: int = 0) -> Clock:
    return Clock(
        generation, wall_ns=lambda: fake.wall, monotonic_ns=lambda: fake.monotonic
    )


def test_it_follows_the_monotonic_clock() -> None:
    fake = FakeTime()
    clock = clock_on(fake)
    before = clock.now_ns()
    fake.advance(SECOND)
    assert before + SECOND == clock.now_ns()
    assert 0 == clock.check()


def test_a_forward_step_is_followed_in_the_same_generation() -> None:
    fake = FakeTime()
    clock = clock_on(fake)
    fake.wall += 3600 * SECOND
    assert 3600 * SECOND == clock.check()
    assert (fake.wall, 0) == (clock.now_ns(), clock.generation)


def test_a_backward_step_begins_a_new_generation() -> None:
    fake = FakeTime()
    clock = clock_on(fake)
    fake.wall -= 3600 * SECOND
    assert -3600 * SECOND == clock.check()
    assert (fake.wall, 1) == (clock.now_ns(), clock.generation)


def test_a_small_difference_is_left_alone() -> None:
    fake = FakeTime()
    clock = clock_on(fake)
    before = clock.now_ns()
    fake.wall -= STEP_NS - 1
    assert 0 == clock.check()
    assert (before, 0) == (clock.now_ns(), clock.generation)


def test_a_worker_that_starts_behind_its_last_slot_is_a_new_generation() -> None:
    fake = FakeTime()
    now_slot = fake.wall // SECOND
    for last_slot, expected in ((now_slot - 1, 4), (now_slot, 4), (now_slot + 60, 5)):
        clock = Clock.resumed(
            last_slot,
            4,
            wall_ns=lambda: fake.wall,
            monotonic_ns=lambda: fake.monotonic,
        )
        assert expected == clock.generation


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(-(10**12), 10**12))))
def test_no_time_repeats_within_a_generation(moves: list[tuple[int, int]]) -> None:
    fake = FakeTime()
    clock = clock_on(fake)
    last = {clock.generation: clock.now_ns()}
    for advance, step in moves:
        fake.advance(advance)
        fake.wall += step
        clock.check()
        now = clock.now_ns()
        assert now >= last.get(clock.generation, 0)
        last[clock.generation] = now
