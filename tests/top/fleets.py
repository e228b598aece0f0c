"""Answers of a server, as a fleet of one's own has them."""

from __future__ import annotations

from typing import Any

from builders import SLOT

from robometrics.top.answers import Fleet, Gpu, Host, Process

NOW_MS = (SLOT + 1) * 1_000.0


def host(name: str = "robot", **changes: Any) -> Host:
    values: dict[str, Any] = {"host": name, "state": "live", "last_seen_ms": NOW_MS}
    return Host(**values | changes)


def process(name: str = "planner", **changes: Any) -> Process:
    values: dict[str, Any] = {
        "host": "robot",
        "process": name,
        "state": "running",
        "run": "ab12cd34-42-777",
        "pid": 42,
        "started_ms": NOW_MS - 60_000,
        "first_seen_ms": NOW_MS - 60_000,
        "last_seen_ms": NOW_MS,
        "command": "/usr/bin/planner --fast",
        "exit_code": None,
        "tags": {"team": "motion"},
    }
    return Process(**values | changes)


def gpu(index: int = 0, **changes: Any) -> Gpu:
    values: dict[str, Any] = {
        "host": "robot",
        "gpu": index,
        "state": "live",
        "model": "Stand-in",
    }
    return Gpu(**values | changes)


def fleet(*rows: Host | Process | Gpu) -> Fleet:
    return Fleet(
        hosts=[row for row in rows if isinstance(row, Host)],
        processes=[row for row in rows if isinstance(row, Process)],
        gpus=[row for row in rows if isinstance(row, Gpu)],
    )
