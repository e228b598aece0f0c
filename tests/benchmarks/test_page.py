"""How the page's figures are worked out."""

from __future__ import annotations

import pytest

from benchmarks.browsing import slope_of
from benchmarks.page import latencies


def test_a_slope_has_the_standard_error_that_textbooks_give_it() -> None:
    assert (2.0, 0.0) == slope_of([0, 1, 2, 3], [1, 3, 5, 7])
    slope, noise = slope_of([1, 2, 3, 4, 5], [2, 4, 5, 4, 5])
    assert 0.6 == pytest.approx(slope)
    assert 0.282843 == pytest.approx(noise, abs=1e-6)


def test_a_batch_is_seen_with_the_first_draw_after_it_came() -> None:
    paints = [(900.0, 920.0), (2_100.0, 2_130.0), (2_350.0, 2_380.0)]
    arrivals = [(2_040.0, 1), (2_110.0, 1), (2_400.0, 1), (40_000.0, 1)]

    found = {row.what: row.values for row in latencies("view", arrivals, paints)}

    assert [110.0] == found["view: flush to websocket handler, p50"]
    assert [400.0] == found["view: flush to websocket handler, p99"]
    assert [380.0] == found["view: flush to pixel, p99"]
