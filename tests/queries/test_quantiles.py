"""Quantiles: exact of samples, within 1 % of windows, and both in one step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.queries.grid import Steps
from robometrics.queries.pieces import Pieces
from robometrics.queries.quantiles import of_samples, of_sketches, sketch_of
from robometrics.queries.selection import select_one
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND

QS = [0.0, 0.5, 0.95, 1.0]
CPU = select_one("cpu_percent")
SAMPLES = st.lists(
    st.tuples(st.integers(0, 99), st.floats(0.001, 10_000)), min_size=1, max_size=60
)


def pieces(samples: list[tuple[int, float]]) -> Pieces:
    ordered = sorted(samples, key=lambda sample: sample[0])
    at = np.array([second * NS_PER_SECOND for second, _ in ordered], np.int64)
    values = np.array([value for _, value in ordered])
    return Pieces(at, values, np.ones(len(at)), values, values)


STEPS = Steps.of(Span(0, 100 * NS_PER_SECOND, 10), 10 * NS_PER_SECOND)


def nearest_ranks(samples: list[tuple[int, float]], step: int) -> list[float]:
    inside = sorted(v for second, v in samples if second // 10 == step)
    if not inside:
        return [math.nan] * len(QS)
    return [inside[round(q * (len(inside) - 1))] for q in QS]


@given(st.lists(SAMPLES, min_size=1, max_size=3))
def test_of_samples_each_quantile_is_a_value_that_was_measured(
    runs: list[list[tuple[int, float]]],
) -> None:
    found = of_samples(STEPS, [pieces(run) for run in runs], QS)

    together = [sample for run in runs for sample in run]
    for step in range(STEPS.size):
        assert found[step].tolist() == pytest.approx(
            nearest_ranks(together, step), nan_ok=True
        )


@given(SAMPLES)
def test_of_sketches_each_is_within_a_percent_of_a_neighbouring_rank(
    samples: list[tuple[int, float]],
) -> None:
    found = of_sketches(STEPS, CPU, [sketch_of(CPU, [pieces(samples)])], QS)

    for step in range(STEPS.size):
        inside = sorted(v for second, v in samples if second // 10 == step)
        if not inside:
            assert np.isnan(found[step]).all()
            continue
        for q, value in zip(QS, found[step], strict=True):
            rank = q * (len(inside) - 1)
            low, high = inside[math.floor(rank)], inside[math.ceil(rank)]
            assert low * 0.99 <= value * (1 + 1e-9)
            assert value <= high * 1.01 * (1 + 1e-9)


def test_nothing_has_no_quantiles() -> None:
    assert np.isnan(of_samples(STEPS, [], QS)).all()
    assert np.isnan(of_sketches(STEPS, CPU, [], QS)).all()
