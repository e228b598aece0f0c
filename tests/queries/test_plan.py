"""Which resolution an answer is made of, and where raw samples stand in."""

from __future__ import annotations

import pytest

from robometrics.queries.plan import Plan, plan, raw_from
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND

HOUR = 3_600
NOW = 1_790_000_000


def span(seconds: int, max_points: int) -> Span:
    return Span(0, seconds * NS_PER_SECOND, max_points)


@pytest.mark.parametrize(
    ("seconds", "max_points", "source", "step_seconds"),
    [
        (900, 1_200, "raw", 0.75),
        (4 * HOUR, 10_000, "raw", 1.44),
        (4 * HOUR + 1, 10_000, "10s", 10),
        (24 * HOUR, 1_200, "1m", 120),
        (7 * 24 * HOUR, 1_200, "1m", 540),
        (365 * 24 * HOUR, 1_200, "1h", 8 * HOUR),
        (60, 1, "1m", 60),
        (1, 10_000, "raw", 0.0001),
    ],
)
def test_the_finest_that_is_not_needlessly_fine_is_taken(
    seconds: int, max_points: int, source: str, step_seconds: float
) -> None:
    found = plan(span(seconds, max_points))

    assert (source, step_seconds * NS_PER_SECOND) == (found.source, found.step_ns)


@pytest.mark.parametrize(
    ("wanted", "step_seconds"), [("10s", 10), ("1m", 60), ("1h", HOUR)]
)
def test_a_resolution_that_is_asked_for_is_taken(
    wanted: str, step_seconds: int
) -> None:
    found = plan(span(900, 1_200), wanted)

    assert (wanted, step_seconds * NS_PER_SECOND) == (found.source, found.step_ns)


@pytest.mark.parametrize(
    ("source", "newest", "expected"),
    [
        ("1m", NOW - 60, NOW - 60 - (NOW - 60) % 60),
        ("1m", NOW, NOW - 60 - (NOW - 60) % 60),
        ("10s", NOW - 300, NOW - 300),
        ("10s", NOW - 5_000, NOW - 960),
        ("10s", None, NOW - 960),
        ("1h", NOW - 60, None),
    ],
)
def test_raw_samples_stand_in_for_windows_that_are_late_and_not_for_old_ones(
    source: str, newest: int | None, expected: int | None
) -> None:
    found = Plan(source, 60 * NS_PER_SECOND)  # type: ignore[arg-type]

    assert expected == raw_from(found, newest, now=NOW)
