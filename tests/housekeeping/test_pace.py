"""Work is a bounded share of the time, and a larger one the further it is behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robometrics.housekeeping.pace import PAUSE_SECONDS_MAX, pause_seconds

WORKED = st.floats(0.0001, 3.0)
LAG = st.floats(0, 10_000_000)


def share(worked: float, lag: float) -> float:
    return worked / (worked + pause_seconds(worked, lag))


def test_a_fifth_of_the_time_is_worked_until_it_is_far_behind() -> None:
    hours = [0.0, 0.25, 1.0, 3.0, 6.0, 1_000.0]

    shares = [round(share(1.0, 3_600 * lag), 2) for lag in hours]

    assert [0.2, 0.2, 0.22, 0.28, 0.5, 0.5] == shares


@given(WORKED, LAG, LAG)
def test_the_further_behind_the_more_is_worked_but_never_more_than_half(
    worked: float, lag: float, more: float
) -> None:
    near, far = sorted([lag, more])

    assert 0.199 <= share(worked, near) <= share(worked, far) + 1e-9 <= 0.501


def test_a_step_that_took_long_does_not_end_the_work_for_long() -> None:
    assert PAUSE_SECONDS_MAX == pause_seconds(3_600, 0)
