"""What the doctor calls well, a warning, and a problem."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from robometrics.broker import BrokerState, Depth, DurableDepth, StreamDepth
from robometrics.cli.checks.broker import _of_state, fill_of, lag_of
from robometrics.cli.checks.clocks import compare_clocks
from robometrics.cli.checks.database import housekeeping, of_state, silent_hosts
from robometrics.cli.checks.finding import at_least, duration
from robometrics.store import DatabaseState, HostRow
from robometrics.store.leases import Held

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.15.1", True), ("2.16", True), ("3.0", True), ("2.14.9", False), ("x", False)],
)
def test_versions_compare_as_numbers(version: str, expected: bool) -> None:
    assert expected == at_least(version, (2, 15))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "0.0 s"), (42, "42 s"), (90, "2 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_a_duration_has_its_largest_unit(seconds: float, expected: str) -> None:
    assert expected == duration(seconds)


@pytest.mark.parametrize(
    ("version", "level"),
    [("2.15.1", "ok"), ("2.12.0", "warning"), ("2.9.25", "problem")],
)
def test_an_old_broker_is_told(version: str, level: str) -> None:
    state = BrokerState(version=version, has_jetstream=True)

    first, stream = _of_state(state, "nats://b")

    assert (level, "ok") == (first.level, stream.level)


def test_each_difference_is_a_problem_of_its_own() -> None:
    state = BrokerState(version="2.15.1", has_jetstream=True, differences=["a", "b"])

    assert ["ok", "problem", "problem"] == [
        finding.level for finding in _of_state(state, "nats://b")
    ]


@pytest.mark.parametrize(
    ("percent", "level"), [(0, "ok"), (69, "ok"), (70, "warning"), (90, "problem")]
)
def test_a_stream_that_fills_is_told_before_it_is_full(
    percent: int, level: str
) -> None:
    stream = StreamDepth(
        messages=1, bytes=percent, max_bytes=100, oldest_age_seconds=1.0
    )

    finding = fill_of(Depth(stream=stream, durables={}))

    assert level == finding.level
    assert f"({percent} %)" in finding.found


@pytest.mark.parametrize(
    ("pending", "held", "pulls", "oldest_seconds", "level"),
    [
        (0, 0, 1, 0.0, "ok"),
        (500, 100, 0, 3.0, "ok"),
        (500, 100, 0, 90.0, "warning"),
        (500, 0, 0, 3.0, "problem"),
        (0, 0, 0, 0.0, "problem"),
    ],
)
def test_a_consumer_is_judged_by_what_waits_and_who_pulls(
    pending: int, held: int, pulls: int, oldest_seconds: float, level: str
) -> None:
    durable = DurableDepth(
        pending=pending, ack_pending=held, redelivered=0, pulls=pulls
    )

    assert level == lag_of("persist", durable, oldest_seconds).level


@pytest.mark.parametrize(("pulls", "level"), [(1, "ok"), (0, "warning")])
def test_an_export_that_nobody_sends_is_told_with_what_to_do(
    pulls: int, level: str
) -> None:
    durable = DurableDepth(pending=7, ack_pending=2, redelivered=0, pulls=pulls)

    finding = lag_of("export_otlp", durable, 1.0)

    assert (level, True) == (finding.level, "9 messages not sent yet" in finding.found)
    assert ("robometrics provision" in finding.advice) == (level == "warning")


@pytest.mark.parametrize(
    ("off_seconds", "level", "word"),
    [
        (0.0, "ok", "agrees"),
        (0.9, "ok", "agrees"),
        (-4.0, "warning", "behind"),
        (5.0, "warning", "4.0 s ahead"),
        (-3_600.0, "problem", "1 h behind"),
    ],
)
def test_a_clock_is_off_by_what_the_question_cannot_explain(
    off_seconds: float, level: str, word: str
) -> None:
    """It took a second: that much may be the network's."""
    theirs = NOW + timedelta(seconds=off_seconds)

    finding = compare_clocks("clock", theirs, NOW, NOW + timedelta(seconds=1))

    assert level == finding.level
    assert word in finding.found


def database(**changes: object) -> DatabaseState:
    values: dict[str, object] = {
        "version": "6.0.5",
        "now": NOW,
        "is_writable": True,
        "replica_set": "",
        "members": 1,
        "missing": [],
    }
    return DatabaseState(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({}, ["ok", "ok", "ok"]),
        ({"replica_set": "rs0", "members": 3}, ["ok", "ok", "ok"]),
        ({"version": "5.3.1"}, ["warning", "ok", "ok"]),
        ({"version": "4.4.0"}, ["problem", "ok", "ok"]),
        ({"replica_set": "rs0", "is_writable": False}, ["ok", "problem", "ok"]),
        ({"missing": ["batches"]}, ["ok", "ok", "problem"]),
    ],
)
def test_a_database_is_judged_by_version_copies_and_collections(
    changes: dict[str, object], levels: list[str]
) -> None:
    found = of_state(database(**changes), "mongodb://db")

    assert levels == [finding.level for finding in found]


def test_of_many_silent_hosts_the_last_to_fall_silent_are_named() -> None:
    rows = [
        HostRow(host=f"h{n}", first_slot=0, last_slot=1_000_000 - 400 * n)
        for n in range(9)
    ]

    finding = silent_hosts(rows, 1_000_000)

    assert "warning" == finding.level
    assert "h1 (7 min), h2" in finding.found
    assert finding.found.endswith("and 3 more")
    assert "ok" == silent_hosts(rows[:1], 1_000_000).level


def held(seconds_left: float = 60, **said: object) -> Held:
    return Held(holder="box/7", seconds_left=seconds_left, now=NOW, said=said)


@pytest.mark.parametrize(
    ("keeper", "oldest_age", "level", "words"),
    [
        (None, None, "ok", "nobody kept house so far; nothing waits"),
        (None, 7_000, "ok", "nothing waits"),
        (
            None,
            40_000,
            "warning",
            "nobody kept house so far: samples that are 11 h old",
        ),
        (held(-90_000), 90_000, "warning", "nobody kept house for 1 d"),
        (held(-90_000), None, "ok", "nobody kept house for 1 d; nothing waits"),
        (held(-200, last_done={"a": 999_900}), 0, "ok", "box/7: a 2 min ago"),
        (held(), 0, "ok", "box/7: it has begun"),
        (held(problem="MongoDB: x"), 0, "warning", "box/7: MongoDB: x"),
        (held(backlog_seconds=9_000.0), 20_000, "ok", "catching up: 2 h behind"),
        (
            held(last_done={"a": 999_990, "b": 1}, damaged_documents=3),
            900_000,
            "warning",
            "a 10 s ago, b 12 d ago; 3 documents are damaged",
        ),
    ],
)
def test_a_house_nobody_keeps_is_told(
    keeper: Held | None, oldest_age: int | None, level: str, words: str
) -> None:
    now = 1_000_000
    oldest = None if oldest_age is None else now - oldest_age

    found = housekeeping(keeper, oldest, 900, now)

    assert level == found.level
    assert words in found.found
    assert (level == "warning") == bool(found.advice)
