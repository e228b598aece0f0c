"""A tally and a verdict have bounds, and the largest that is allowed can be sent."""

from __future__ import annotations

from typing import Any

import pytest
from builders import SLOT, fields, tally
from golden import TALLY_V1

from robometrics.errors import DiscardMessageError
from robometrics.requests import REQUEST_BYTES_MAX, Verdict, decode_now, decode_verdict
from robometrics.schema import (
    MESSAGE_BYTES_MAX,
    TALLY_EVENTS_MAX,
    TALLY_ROWS_MAX,
    TALLY_SLOTS_MAX,
    Tally,
    TallyRow,
    decode_note,
    encode,
)

INT64_MAX = 2**63 - 1
ROW = ["process", "planner", "ab12cd34-42-777", 1, 1]


def row(**changes: Any) -> list[Any]:
    names = ("kind", "name", "run", "slots", "samples")
    return [changes.get(name, value) for name, value in zip(names, ROW, strict=True)]


INSIDE: list[dict[str, Any]] = [
    {"sequence": 1},
    {"sequence": INT64_MAX},
    {"generation": 2**31 - 1},
    {"rows": []},
    {"rows": [row(slots=2**TALLY_SLOTS_MAX - 1)]},
    {"rows": [row(samples=2**32)]},
    {"rows": [row(name="é" * 100)]},
    {"rows": [row(kind="host", name="")]},
    {"rows": [row()] * TALLY_ROWS_MAX},
    {"rows": [[*row(), "of a later release"]]},
    {"events": ["e-1"] * TALLY_EVENTS_MAX},
    {"new": {"a": [1]}},
]
OUTSIDE: list[tuple[dict[str, Any], str]] = [
    ({"host": ""}, "length >= 1"),
    ({"outbox": ""}, "matching regex"),
    ({"outbox": "a\n"}, "matching regex"),
    ({"sequence": 0}, ">= 1"),
    ({"sequence": 2**63}, "<= 9223372036854775807"),
    ({"generation": -1}, ">= 0"),
    ({"from_slot": 946_684_799}, ">= 946684800"),
    ({"rows": [row(kind="disk")]}, "Invalid enum value"),
    ({"rows": [row(name="n" * 101)]}, "length <= 100"),
    ({"rows": [row(run="")]}, "matching regex"),
    ({"rows": [row(slots=0)]}, ">= 1"),
    ({"rows": [row(slots=2**TALLY_SLOTS_MAX)]}, "<= 1152921504606846975"),
    ({"rows": [row(samples=0)]}, ">= 1"),
    ({"rows": [row(samples=2**32 + 1)]}, "<= 4294967296"),
    ({"rows": [row()[:4]]}, "length 5"),
    ({"rows": [row()] * (TALLY_ROWS_MAX + 1)}, "length <= 400"),
    ({"events": ["E"]}, "matching regex"),
    ({"events": ["e-1"] * (TALLY_EVENTS_MAX + 1)}, "length <= 2000"),
    ({"type": "census"}, "Invalid value 'census'"),
]


@pytest.mark.parametrize("changes", INSIDE)
def test_a_tally_just_inside_every_bound_is_taken(changes: dict[str, Any]) -> None:
    decode_note(encode(fields(TALLY_V1[0], **changes)))


@pytest.mark.parametrize(("changes", "problem"), OUTSIDE)
def test_a_tally_just_outside_a_bound_is_refused_with_the_reason(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DiscardMessageError, match=problem):
        decode_note(encode(fields(TALLY_V1[0], **changes)))


def largest() -> Tally:
    """Return the largest tally that the names' subject tokens allow."""
    rows = [TallyRow("process", "n" * 100, "a" * 64, 2**60 - 1, 2**32)] * TALLY_ROWS_MAX
    events = ["e" * 64] * TALLY_EVENTS_MAX
    return tally(
        host="h" * 100,
        outbox="b" * 64,
        sequence=INT64_MAX,
        generation=2**31 - 1,
        from_slot=SLOT,
        rows=rows,
        events=events,
    )


def test_the_largest_tally_and_its_verdict_fit_into_a_message() -> None:
    sent = largest()
    verdict = Verdict(rows=sent.rows, events=sent.events, problem="p" * 300)

    assert len(encode(sent)) < MESSAGE_BYTES_MAX
    assert sent == decode_note(encode(sent))
    assert verdict == decode_verdict(encode(verdict))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"now_ns":-1}', ">= 0"),
        (b'{"now_ns":9223372036854775808}', "<= 9223372036854775807"),
        (b"{}", "now_ns"),
        (b'{"now_ns":1}' + b" " * REQUEST_BYTES_MAX, "at most 16384"),
    ],
)
def test_a_time_nobody_could_tell_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(DiscardMessageError, match=problem):
        decode_now(data)
