"""Times are read as written, or refused by the name of their field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.api.times import parse_time
from robometrics.errors import BadRequestError

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
