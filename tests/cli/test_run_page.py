"""What ``robometrics run`` tells, to people and to programs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from loads import MIB

from robometrics import runtime
from robometrics.cli.run_page import as_json, lines
from robometrics.cli.run_summary import Summary, page_url, peak_memory, signal_name


def a_summary(**changes: Any) -> Summary:
    values: dict[str, Any] = {
        "command": ["train", "a b"],
        "began_at_ns": 1,
        "wall_time_ns": 10_000_000_000,
        "exit_code": 0,
        "signal": None,
        "cpu_user_time_ns": 14_000_000_000,
        "cpu_system_time_ns": 1_000_000_000,
        "peak_memory_bytes": 812 * MIB,
        "peak_memory_method": "kernel",
        "peak_memory_at_most_bytes": None,
        "tree_peak_memory_bytes": 1_200 * MIB,
        "tree_peak_process_count": 4,
        "minor_faults": 160_233,
        "major_faults": 3,
        "voluntary_switches": 1_203,
        "involuntary_switches": 21,
        "io_read_bytes": 0,
        "io_write_bytes": 12 * MIB,
        "process": "train",
        "host": "robot",
        "interval_ns": 100_000_000,
        "samples": 101,
        "url": "http://127.0.0.1:8420/?host=robot&process=train",
        "not_measured": None,
    }
    return Summary(**{**values, **changes})


def test_people_read_units_labels_and_where_to_look() -> None:
    assert [
        "robometrics: train 'a b'",
        "  ended     exit code 0, after 10.00 s",
        (
            "  CPU       15.00 s (150 % of a core): user 14.00 s, system 1.00 s; "
            "children waited for included"
        ),
        (
            "  memory    812.0 MiB peak of the largest process; "
            "about 1.2 GiB of 4 processes together (sampled)"
        ),
        "  faults    3 read from storage, 160,233 minor",
        "  switches  1,203 voluntary, 21 involuntary",
        "  storage   0 B read, 12.0 MiB written",
        (
            "  samples   101 of train on robot, one every 100.0 ms: "
            "http://127.0.0.1:8420/?host=robot&process=train"
        ),
    ] == list(lines(a_summary()))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"not_measured": "no worker answered"},
            "  samples   none: no worker answered",
        ),
        (
            {"samples": None, "url": None},
            "  samples   taken of train on robot, one every 100.0 ms",
        ),
        ({"exit_code": None, "signal": "SIGSEGV"}, "  ended     killed by SIGSEGV, "),
        (
            {
                "peak_memory_bytes": 2 * MIB,
                "peak_memory_method": "sampled",
                "peak_memory_at_most_bytes": 30 * MIB,
                "tree_peak_process_count": 1,
            },
            "  memory    about 2.0 MiB peak of the largest process (sampled, at most",
        ),
        (
            {
                "peak_memory_bytes": None,
                "peak_memory_at_most_bytes": 30 * MIB,
                "tree_peak_process_count": 0,
            },
            "  memory    too short to be seen, at most 30.0 MiB",
        ),
    ],
)
def test_what_is_not_known_is_said_so(changes: dict[str, Any], line: str) -> None:
    assert [line] == [
        each[: len(line)]
        for each in lines(a_summary(**changes))
        if each.startswith(line[:10])
    ]


def test_a_hostile_command_cannot_steer_the_terminal() -> None:
    text = "".join(lines(a_summary(command=["\x1b[31m"], process="a\rb")))
    assert "\x1b" not in text
    assert "\r" not in text


def test_json_has_every_field_and_the_share_of_a_core() -> None:
    found = json.loads(as_json(a_summary()))
    assert 150.0 == found.pop("cpu_percent")
    assert msgspec.to_builtins(a_summary()) == found


@pytest.mark.parametrize(
    ("max_rss", "floor", "seen", "expected"),
    [
        (900, 300, 850, (900, "kernel", None)),
        (900, 300, None, (900, "kernel", None)),
        (300, 300, 40, (40, "sampled", 300)),
        (300, 300, None, (None, None, 300)),
        (900, 300, 905, (900, "kernel", None)),
        (900, 300, 2_000, (2_000, "sampled", None)),
    ],
)
def test_a_peak_that_is_the_starter_s_own_is_not_taken_for_the_command_s(
    max_rss: int, floor: int, seen: int | None, expected: tuple[Any, ...]
) -> None:
    assert expected == peak_memory(max_rss, floor, seen)


def test_signals_have_names_or_numbers() -> None:
    assert ("SIGKILL", "signal 40") == (signal_name(9), signal_name(40))


def test_the_page_is_named_only_if_it_shows_this_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    up = runtime.Running(
        pid=1,
        start_ticks=1,
        nats_url="",
        mongo_url="",
        api_url="http://127.0.0.1:8420",
        socket_path="",
        host="robot",
    )
    monkeypatch.setattr(runtime, "find", lambda: up)
    found = urlsplit(page_url("robot", "a&b c") or "")
    assert {"host": ["robot"], "process": ["a&b c"]} == parse_qs(found.query)
    assert None is page_url("other", "a") is page_url(None, "a")
    monkeypatch.setattr(runtime, "find", lambda: None)
    assert None is page_url("robot", "a")
