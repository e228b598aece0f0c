"""When a disk is full: where growth and retention meet, whatever grows how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.keeping import SECONDS_PER_DAY
from robometrics.store.forecast import Growing, full_in_days, most_bytes

GB = 1e9
DATA = st.lists(
    st.builds(
        Growing,
        now_bytes=st.floats(0, 1e12),
        bytes_per_day=st.one_of(st.just(0.0), st.floats(1, 1e11)),
        keep_seconds=st.one_of(st.none(), st.integers(1, 4_000 * SECONDS_PER_DAY)),
    ),
    max_size=6,
)
FREE = st.floats(1e3, 1e15)


def growing(now_gb: float, gb_per_day: float, keep_days: int | None) -> Growing:
    keep = None if keep_days is None else keep_days * SECONDS_PER_DAY
    return Growing(now_gb * GB, gb_per_day * GB, keep)


@pytest.mark.parametrize(
    ("data", "free_gb", "days", "most_gb"),
    [
        ([], 10, None, 0),
        ([growing(1, 0, None)], 10, None, 1),
        ([growing(0, 1, None)], 10, 10, None),
        ([growing(0, 1, 30)], 10, 10, 30),
        ([growing(25, 1, 30)], 10, None, 30),
        ([growing(20, 1, 30)], 10, 10, 30),
        # It has more than it will need: the rest is room in its files.
        ([growing(50, 1, 30)], 10, None, 50),
        # Two at once for 5 days, then one alone.
        ([growing(0, 1, None), growing(0, 1, 5)], 20, 15, None),
        ([growing(0, 1, 5), growing(0, 2, 10)], 19, 7, 25),
        ([growing(0, 1, None)], 0, 0, None),
    ],
)
def test_it_is_full_when_what_grows_has_grown_by_what_is_free(
    data: list[Growing], free_gb: float, days: float | None, most_gb: float | None
) -> None:
    assert days == pytest.approx(full_in_days(data, free_gb * GB))
    assert (None if most_gb is None else most_gb * GB) == most_bytes(data)


@given(DATA, FREE)
def test_on_that_day_just_so_much_has_been_added(
    data: list[Growing], free: float
) -> None:
    days = full_in_days(data, free)

    if days is None:
        most = most_bytes(data)
        assert most is not None
        assert most - sum(each.now_bytes for each in data) < free * (1 + 1e-9)
    else:
        added = sum(each.added_bytes(days) for each in data)
        assert added == pytest.approx(free, rel=1e-6, abs=1)


@given(DATA, FREE, st.floats(0.0, 1.0))
def test_before_that_day_it_is_not_full(
    data: list[Growing], free: float, share: float
) -> None:
    days = full_in_days(data, free)

    early = 1e6 * share if days is None else days * share
    assert sum(each.added_bytes(early) for each in data) <= free * (1 + 1e-6) + 1


@given(DATA, FREE, FREE)
def test_a_larger_disk_is_never_full_sooner(
    data: list[Growing], free: float, more: float
) -> None:
    sooner = full_in_days(data, min(free, more))
    later = full_in_days(data, max(free, more))

    assert later is None or (sooner is not None and sooner <= later * (1 + 1e-9))
