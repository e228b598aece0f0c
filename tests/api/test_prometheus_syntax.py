"""Any text is an expression, or an error that says what is wrong with it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.api.prometheus.answers import text_of
from robometrics.api.prometheus.calls import CALLS
from robometrics.api.prometheus.errors import BadDataError
from robometrics.api.prometheus.evaluate import Deadline, Evaluation, Times
from robometrics.api.prometheus.expression import Select, selects
from robometrics.api.prometheus.labels import make_labels
from robometrics.api.prometheus.lines import Line
from robometrics.api.prometheus.matching import Matcher
from robometrics.api.prometheus.over_time import OVER_TIME, quantile_of
from robometrics.api.prometheus.syntax import (
    AGGREGATIONS,
    FUNCTIONS,
    PARTS_MAX,
    RATES,
    SETS,
    parse,
)

WORDS = st.sampled_from(
    [
        *("sum", "rate", "by", "on", "and", "offset", "bool", "group_left", "@", "x"),
        *("(", ")", "{", "}", "[", "]", "5m", ":", ",", "=", "=~", '"a"', "'('", "`"),
        *("x @ 1e12", "x @ 1e9", "offset -1y", "-5", "1e400", "[1s]", "# c"),
        *("+", "-", "/", "^", "1", "1e3", "NaN", "0x", "é", "\x00", "start()", "topk"),
    ]
)


@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40))
def test_any_text_is_an_expression_or_bad_data(text: str) -> None:
    try:
        node = parse(text)
    except BadDataError as exc:
        assert str(exc)
        return
    lines: dict[Select, list[Line]] = {select: [] for select in selects(node)}
    times = Times(10**18, 10**18)
    try:
        Evaluation(times, lines, Deadline(60)).result(node)
    except BadDataError as exc:
        assert "range vector" in str(exc)


@pytest.mark.parametrize(
    "nested",
    [
        lambda count: "-" * count + "1",
        lambda count: "(" * count + "1" + ")" * count,
        lambda count: "1" + "+1" * count,
        lambda count: "1" + "^1" * count,
        lambda count: "abs(" * count + "vector(1)" + ")" * count,
        lambda count: "x" + " or x" * count,
    ],
)
def test_deep_nesting_is_computed_or_refused(nested: Callable[[int], str]) -> None:
    """The parser's stack ends the whole process where there is no limit."""

    def computed(count: int) -> object:
        node = parse(nested(count))
        lines: dict[Select, list[Line]] = {select: [] for select in selects(node)}
        return Evaluation(Times(0, 0), lines, Deadline(60)).result(node)

    computed(120)
    with suppress(BadDataError):
        computed(PARTS_MAX - 1)
    for count in (PARTS_MAX + 1, 100_000):
        with pytest.raises(BadDataError, match=r"more than|longer than"):
            computed(count)


@pytest.mark.parametrize(
    "query", ["x @ -5", "x @-1", "x @ 1e12", "x @ 1e30", "x offset 1e300", "x[1e18]"]
)
def test_a_time_that_cannot_be_is_bad_data(query: str) -> None:
    """The parser panics at some of them, which is no exception that is caught."""
    with pytest.raises(BadDataError):
        parse(query)


def test_what_is_documented_is_what_is_supported() -> None:
    text = (Path(__file__).parents[2] / "docs/prometheus.md").read_text()
    start, stop = text.index("## What is supported"), text.index("All else, as")
    named = set(re.findall(r"[a-z][a-z0-9_]+", text[start:stop]))
    assert set() == {*FUNCTIONS, *AGGREGATIONS, *SETS} - named
    assert {*FUNCTIONS} == {*CALLS, *OVER_TIME, "quantile_over_time", *RATES}


def test_signs_in_texts_do_not_count() -> None:
    parse('x{a=~"' + "b+" * 300 + "\"} + y{a='" + "-" * 300 + "'}")


@given(st.floats())
def test_a_number_is_read_back_as_it_was(value: float) -> None:
    read = float(text_of(value))
    assert (math.isnan(value) and math.isnan(read)) or value == read


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (-0.5, "-0.5"),
        (1e16, "10000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_a_number_is_written_as_prometheus_does(value: float, text: str) -> None:
    assert text == text_of(value)


def test_a_regular_expression_cannot_take_for_ever() -> None:
    hostile = Matcher("process", "=~", "(a|aa|a*)*(b|bb)*c")
    begun = time.process_time()
    assert not hostile.accepts("a" * 50_000)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("operator", "value", "accepted", "refused"),
    [
        ("=", "", [""], ["a"]),
        ("!=", "a", ["", "b"], ["a"]),
        ("=~", "a|b", ["a", "b"], ["", "ab", "xa"]),
        ("!~", "a.*", ["", "ba"], ["a", "ab\nc"]),
        ("=~", ".*", ["", "a\nb"], []),
    ],
)
def test_a_matcher_takes_whole_values(
    operator: str, value: str, accepted: list[str], refused: list[str]
) -> None:
    matcher = Matcher("name", operator, value)  # type: ignore[arg-type]
    assert [True] * len(accepted) == [matcher.accepts(each) for each in accepted]
    assert [False] * len(refused) == [matcher.accepts(each) for each in refused]


def test_labels_are_equal_whatever_their_order() -> None:
    assert make_labels({"a": "1", "b": "2"}) == make_labels(
        {"b": "2", "a": "1", "c": ""}
    )


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
    st.floats(0, 1, allow_subnormal=False),
)
def test_a_quantile_is_what_numpy_says(values: list[float], q: float) -> None:
    expected = float(np.quantile(values, q))
    found = quantile_of(np.sort(np.array(values)), q)
    assert expected == pytest.approx(found, rel=1e-9, abs=1e-6)
