"""Times are read as written, or refused by the name of their field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.errors import BadRequestError
from robometrics.times import parse_duration, parse_range, parse_time

NOW = 1_790_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("-90s", NOW - 90 * SECOND),
        ("-15m", NOW - 900 * SECOND),
        ("-250ms", NOW - 250_000_000),
        ("-2d", NOW - 172_800 * SECOND),
        ("1790000000", NOW),
        ("1790000000.5", NOW + 500_000_000),
        ("1790000000.000000001", NOW + 1),
        ("2026-09-21T13:33:20Z", 1_789_997_600 * SECOND),
        ("2026-09-21T13:33:20+02:00", 1_789_990_400 * SECOND),
        ("2026-09-21T13:33:20 02:00", 1_789_990_400 * SECOND),
        ("2026-09-21T13:33:20", 1_789_997_600 * SECOND),
    ],
)
def test_every_form_is_understood(text: str, expected: int) -> None:
    assert expected == parse_time("from", text, NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_an_error_that_names_the_field(text: str) -> None:
    try:
        assert parse_time("to", text, NOW) >= 0
    except BadRequestError as exc:
        assert exc.field == "to"


def test_a_range_is_two_times_of_one_moment() -> None:
    start, stop = parse_range("from", "-15m", "to", "now")

    assert 900 * SECOND == stop - start


@pytest.mark.parametrize(
    ("start", "stop", "field"),
    [("now", "now", "from"), ("-1s", "-2s", "from"), ("-1s", "soon", "to")],
)
def test_a_range_out_of_order_names_the_field(
    start: str, stop: str, field: str
) -> None:
    with pytest.raises(BadRequestError) as found:
        parse_range("from", start, "to", stop)
    assert field == found.value.field


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [("1ms", 10**6), ("1.5s", 1_500_000_000), ("10s", 10**10), ("2m", 120 * 10**9)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, duration_ns: int) -> None:
    assert duration_ns == parse_duration("for", text)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "0s", "1e9s", "1y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="for"):
        parse_duration("for", text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("4102444799.999999999", None),
        ("4102444800", "after 2099"),
        ("9999999999", "after 2099"),
        ("2099-12-31T23:59:59Z", None),
        ("2099-12-31T23:59:59-01:00", "after 2099"),
        ("9999-12-31T23:59:59.999999", "after 2099"),
        ("9999-12-31T23:59:59-12:00", "after 2099"),
        ("0001-01-01T00:00:00+14:00", "before 1970"),
    ],
)
def test_times_are_those_that_samples_may_have(text: str, problem: str | None) -> None:
    if problem is None:
        assert parse_time("to", text, NOW) < 4_102_444_800 * SECOND
    else:
        with pytest.raises(BadRequestError, match=f"to: .*{problem}"):
            parse_time("to", text, NOW)
