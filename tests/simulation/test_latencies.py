"""Quantiles in bounded memory are those of the times, but for 5 %."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.simulation.latencies import Latencies


@given(
    st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=200),
    st.floats(0.01, 1.0),
)
def test_a_quantile_is_at_most_five_percent_too_long(
    times: list[float], share: float
) -> None:
    latencies = Latencies()
    for each in times:
        latencies.add(each)

    exact = sorted(times)[ceil(share * len(times)) - 1]
    found = latencies.quantile(share)
    assert exact * 0.999_999 <= found <= exact * 1.051


def test_of_nothing_it_is_nothing() -> None:
    assert pytest.approx(0.0) == Latencies().quantile(0.99)
    assert 0 == Latencies().count
