"""What ended is counted once: from its parent's account, or from its last reading."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.samplers.tree_account import (
    ROUNDING_NS,
    Ended,
    growth,
    left_over,
)

MS = 1_000_000
TICK = ROUNDING_NS // 2
Period = list[tuple[int, int, bool]]
"""Children that ended in one: last reading, what they used after it, whether a member
(what nobody saw has no reading)."""

NS = st.integers(0, 200 * MS)
PERIODS = st.lists(st.lists(st.tuples(NS, NS, st.booleans()), max_size=5), max_size=20)


def test_a_child_that_was_waited_for_counts_with_its_last_moments() -> None:
    assert (80 * MS, 20 * MS, 0) == growth(100 * MS, 0, [Ended(80 * MS, 0)])


def test_what_nobody_saw_comes_from_the_account_alone() -> None:
    assert (0, 100 * MS, 0) == growth(100 * MS, 0)


def test_a_child_that_nobody_was_charged_for_counts_as_last_read() -> None:
    known, unseen, _ = growth(0, 0, [Ended(80 * MS, 0)])

    assert (80 * MS, 0) == (known, unseen)


def test_what_it_had_waited_for_itself_is_not_counted_again() -> None:
    assert (80 * MS, 0, 0) == growth(130 * MS, 0, [Ended(80 * MS, 50 * MS)])


def test_rounding_is_taken_off_the_next_growth() -> None:
    known, unseen, debt = growth(70 * MS, 0, [Ended(75 * MS, 0)])

    assert (75 * MS, 0, 5 * MS) == (known, unseen, debt)
    assert (0, 5 * MS, 0) == growth(10 * MS, debt)


def test_members_gone_with_their_parents_are_in_some_account_or_in_none() -> None:
    astray = [Ended(30 * MS, 10 * MS)]

    assert left_over(60 * MS, astray) == 50 * MS
    assert left_over(0, astray) == 30 * MS
    assert left_over(60 * MS, []) == 60 * MS


@given(PERIODS, st.floats(0, 1))
def test_a_parent_that_waits_is_exact_to_two_ticks_however_long(
    periods: list[Period], user_share: float
) -> None:
    """Rounding must not pile up, nor any child count twice."""
    true_ns = counted_ns = shown_ns = debt_ns = 0
    for children in periods:
        true_ns += sum(last + after for last, after, _ in children)
        user_ns = int(true_ns * user_share)
        before_ns, shown_ns = shown_ns, _cut(user_ns) + _cut(true_ns - user_ns)
        ended = [Ended(last, 0) for last, _, is_member in children if is_member]
        grown = growth(shown_ns - before_ns, debt_ns, ended)
        debt_ns = grown.debt_ns
        counted_ns += grown.known_ns + grown.unseen_ns

        assert shown_ns <= counted_ns <= true_ns


@given(PERIODS)
def test_a_parent_that_never_waits_loses_last_moments_only(
    periods: list[Period],
) -> None:
    counted_ns = known_ns = debt_ns = 0
    for children in periods:
        ended = [Ended(last, 0) for last, _, _ in children]
        grown = growth(0, debt_ns, ended)
        debt_ns = grown.debt_ns
        counted_ns += grown.known_ns + grown.unseen_ns
        known_ns += sum(each.cpu_ns for each in ended)

        assert known_ns == counted_ns


def _cut(ns: int) -> int:
    return ns // TICK * TICK
