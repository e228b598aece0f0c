"""What expressions are worth, of a few samples and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from robometrics.api.prometheus import evaluate
from robometrics.api.prometheus.errors import ExecutionError, QueryTimeoutError
from robometrics.api.prometheus.evaluate import Deadline, Evaluation, Times
from robometrics.api.prometheus.expression import selects
from robometrics.api.prometheus.labels import make_labels
from robometrics.api.prometheus.lines import Line, Windows
from robometrics.api.prometheus.matching import all_accept
from robometrics.api.prometheus.syntax import parse
from robometrics.api.prometheus.vector import Vector

SECOND = 1_000_000_000


def line(
    name: str, points: dict[float, float], *, window_seconds: int = 0, **labels: str
) -> Line:
    """Return a series of points by second, with a lookback of 15 s."""
    time_ns = np.array([round(at * SECOND) for at in points], dtype=np.int64)
    value = np.array([*points.values()], dtype=np.float64)
    windows = None
    if window_seconds:  # ten values each, from 0 to twice the last
        ones = np.full(len(value), 10.0)
        windows = Windows(value * 0, value * 2, value * 10, ones)
    return Line(
        labels=make_labels({"__name__": name} | labels),
        time_ns=time_ns,
        value=value,
        expires_ns=time_ns + 15 * SECOND,
        interval_ns=SECOND,
        window_ns=window_seconds * SECOND,
        windows=windows,
    )


A = {"host": "a"}
B = {"host": "b"}
LINES = [
    line("counter", {1: 10, 2: 20, 3: 30, 4: 5, 5: 15}, **A),
    line("gauge", {1: 4, 2: -2, 3: 8, 4: 0, 5: 6}, **A),
    line("gauge", {1: 1, 5: 3}, **B),
    line("size", {5: 2}, **A),
    line("size", {5: 4}, **B),
    line("core", {5: 1}, host="a", part="0"),
    line("core", {5: 2}, host="a", part="1"),
    line("core", {5: 3}, host="b", part="0"),
    line("sent", {0: 0, 9: 90, 10: 100, 19: 190}, window_seconds=10, **A),
    line("level", {9: 3, 19: 7}, window_seconds=10, **A),
]


def worth(query: str, *at: float) -> Any:
    """Return the value at each time by host (or the labels), or of a scalar."""
    node = parse(query)
    lines = {
        select: [
            each for each in LINES if all_accept(select.matchers, dict(each.labels))
        ]
        for select in selects(node)
    }
    step = round((at[1] - at[0]) * SECOND) if len(at) > 1 else 0
    times = Times(round(at[0] * SECOND), round(at[-1] * SECOND), step)
    found = Evaluation(times, lines, Deadline(60)).result(node)
    if not isinstance(found, Vector):
        return list(found)
    return {
        " ".join(value for _, value in labels): [
            float(value) if here else None
            for value, here in zip(values, present, strict=True)
        ]
        for labels, values, present in zip(*found, strict=True)
        if present.any()
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # 10 to 30, then from 0 to 15: 35 in 4 s, and half a second more at each end.
        ("increase(counter[5s] @ 5.5)", {"a": [35 / 4 * 5]}),
        ("rate(counter[5s] @ 5.5)", {"a": [35 / 4]}),
        ("irate(counter[5s] @ 4.5)", {"a": [5.0]}),
        ("irate(counter[5s] @ 5.5)", {"a": [10.0]}),
        ("delta(gauge{host='a'}[5s] @ 5.5)", {"a": [2 / 4 * 5]}),
        ("idelta(gauge{host='a'}[5s] @ 5.5)", {"a": [6.0]}),
        ("min_over_time(gauge{host='a'}[3s] @ 4)", {"a": [-2.0]}),
        ("max_over_time(gauge{host='a'}[2s] @ 2)", {"a": [4.0]}),
        ("sum_over_time(gauge{host='a'}[2s] @ 2)", {"a": [2.0]}),
        ("count_over_time(gauge{host='a'}[2s] @ 3)", {"a": [2.0]}),
        ("quantile_over_time(0.5, gauge{host='a'}[5s] @ 5)", {"a": [4.0]}),
        ("stddev_over_time(gauge{host='a'}[2s] @ 2)", {"a": [3.0]}),
        ("max_over_time(level[10s] @ 19)", {"a": [14.0]}),
        ("avg_over_time(level[20s] @ 19)", {"a": [5.0]}),
        ("count_over_time(level[1s] @ 20)", {"a": [10.0]}),
        ("increase(sent[10s] @ 15)", {"a": [100.0]}),
        ("rate(sent[3s] @ 7)", {"a": [10.0]}),
    ],
)
def test_changes_and_values_over_a_range(query: str, expected: Any) -> None:
    assert expected == {
        key: pytest.approx(value) for key, value in worth(query, 5).items()
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("gauge", {"gauge a": [6.0], "gauge b": [3.0]}),
        ("gauge / size", {"a": [3.0], "b": [0.75]}),
        ("gauge > 4", {"gauge a": [6.0]}),
        ("gauge > bool 4", {"a": [1.0], "b": [0.0]}),
        ("4 < gauge", {"gauge a": [6.0]}),
        ("gauge and size > 3", {"gauge b": [3.0]}),
        ("gauge unless size > 3", {"gauge a": [6.0]}),
        ("gauge > 4 or size", {"gauge a": [6.0], "size b": [4.0]}),
        (
            "core * on (host) group_left gauge",
            {"a 0": [6.0], "a 1": [12.0], "b 0": [9.0]},
        ),
        ("sum by (host) (core)", {"a": [3.0], "b": [3.0]}),
        ("sum without (host) (core)", {"0": [4.0], "1": [2.0]}),
        ("topk(1, core)", {"core b 0": [3.0]}),
        ("bottomk by (host) (1, core)", {"core a 0": [1.0], "core b 0": [3.0]}),
        ("quantile(0.5, core)", {"": [2.0]}),
        ("stddev(core)", {"": [pytest.approx(math.sqrt(2 / 3))]}),
        ("absent(core)", {}),
        ("absent(core{host='c'})", {"c": [1.0]}),
        ("scalar(size{host='a'})", [2.0]),
        (
            "label_replace(size, 'host', 'x$1', 'host', '(a)')",
            {"size xa": [2.0], "size b": [4.0]},
        ),
        ("clamp(gauge, 4, 5)", {"a": [5.0], "b": [4.0]}),
        ("round(size / 3, 0.5)", {"a": [0.5], "b": [1.5]}),
        ("1 + 2 * 3", [7.0]),
        ("-2 ^ 2", [-4.0]),
        ("1 / 0", [math.inf]),
        ("timestamp(gauge{host='a'})", {"a": [5.0]}),
    ],
)
def test_functions_operators_and_aggregations(query: str, expected: Any) -> None:
    assert expected == worth(query, 5)


def test_what_is_absent_and_what_is_not_a_number_differ() -> None:
    [values] = worth("(gauge{host='b'} - 1) / 0", 0, 1, 2, 3, 4, 5).values()
    assert values[0] is None
    assert math.isnan(values[1])
    assert math.inf == values[-1]
    assert [None, *[1.0] * 5] == worth("gauge{host='b'} ^ 0", 0, 1, 2, 3, 4, 5)["b"]


def test_a_sample_is_present_for_its_lookback_and_not_longer() -> None:
    assert {"size a": [2.0, None]} == worth("size{host='a'}", 19, 20)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("core + on (host) core", "many-to-many"),
        ("core + on (host) gauge", "must be explicit"),
        ("gauge + on (host) group_left core", "many-to-many"),
        ("-{__name__=~'gauge|size'}", "same labelset"),
        ("core * on (host) group_left (part) gauge", "same labelset"),
    ],
)
def test_what_does_not_belong_together_is_an_error(query: str, said: str) -> None:
    with pytest.raises(ExecutionError, match=said):
        worth(query, 5)


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "CELLS_MAX", 11)
    assert 2 == len(worth("gauge", 1, 2, 3, 4, 5))
    with pytest.raises(ExecutionError, match="2 series at 6 times are too many"):
        worth("gauge", 0, 1, 2, 3, 4, 5)


def test_too_much_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "STEPS_OVER_SAMPLES_MAX", 10)
    assert 2 == len(worth("sum_over_time(gauge[5s])", 5))
    with pytest.raises(ExecutionError, match="too many samples"):
        worth("sum_over_time(gauge[5s])", 1, 2, 3, 4, 5)


def test_a_computation_ends_when_nobody_waits() -> None:
    deadline = Deadline(60)
    deadline.check()
    deadline.give_up()
    with pytest.raises(QueryTimeoutError):
        deadline.check()
