"""Where samples wait, in the words of the page."""

from __future__ import annotations

from typing import Any

import pytest

from robometrics.top.answers import Outbox, Part, Pipeline, Stream
from robometrics.top.pipeline import describe

WELL, AWAY = Part(ok=True), Part(ok=False, problem="no connection")


def pipeline(**changes: Any) -> Pipeline:
    values: dict[str, Any] = {
        "now_ms": 0.0,
        "broker": WELL,
        "database": WELL,
        "stream": stream(0, 0, None),
        "hosts": [],
    }
    return Pipeline(**values | changes)


def stream(messages: int, percent: float, age_seconds: float | None) -> Stream:
    return Stream(
        messages=messages, percent_full=percent, oldest_age_seconds=age_seconds
    )


def outbox(host: str, messages: int, offset_ms: float | None = None) -> Outbox:
    return Outbox(host=host, outbox_messages=messages, clock_offset_ms=offset_ms)


@pytest.mark.parametrize(
    ("changes", "is_behind", "text"),
    [
        ({}, False, "stored within 2 s"),
        ({"stream": stream(40, 0.01, 2.3)}, False, "stored within 3 s"),
        (
            {"stream": stream(400, 0.2, 40)},
            True,
            "400 batches wait in the stream (< 1 %), the oldest for 40 s",
        ),
        (
            {"database": AWAY, "hosts": None, "stream": stream(12_400, 7.2, 60)},
            True,
            "MongoDB is away: 12,400 batches wait in the stream (7 %)",
        ),
        (
            {"database": AWAY, "stream": stream(1, 0, 1)},
            True,
            "MongoDB is away: 1 batch waits in the stream (< 1 %)",
        ),
        (
            {"broker": AWAY, "stream": None},
            True,
            "the broker is away: hosts keep what they measure",
        ),
        ({"hosts": [outbox("robot-7", 99)]}, False, "stored within 2 s"),
        ({"hosts": [outbox("robot-7", 1200)]}, True, "robot-7 holds 1,200 batches"),
        (
            {"hosts": [outbox("r", 900), outbox("s", 500), outbox("t", 100)]},
            True,
            "r and 2 more hosts hold 1,500 batches",
        ),
        ({"hosts": [outbox("r", 0, 7040)]}, True, "r's clock is 7.0 s ahead"),
        (
            {"hosts": [outbox("r", 0, -2500), outbox("s", 0, 3000)]},
            True,
            "r's clock is 2.5 s behind (1 more is off too)",
        ),
    ],
)
def test_what_is_wrong_is_said_and_else_how_fast_it_is(
    changes: dict[str, Any], is_behind: bool, text: str
) -> None:
    assert (is_behind, text) == describe(pipeline(**changes))
