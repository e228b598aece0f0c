"""Batches and events as a worker would make them, with every value known."""

from __future__ import annotations

from typing import Any

from robometrics.schema import Event, HostBatch, Previous, ProcessBatch

SLOT = 1_790_000_000


def process_batch(**changes: Any) -> ProcessBatch:
    values: dict[str, Any] = {
        "host": "robot",
        "process": "planner",
        "pid": 42,
        "run": "ab12cd34-42-777",
        "slot": SLOT,
        "interval_ns": 500_000_000,
        "offset_ns": [0, 500_000_000],
        "metrics": {
            "cpu_time_ns": [1_000_000_000, 1_250_000_000],
            "memory_rss_bytes": [10_000_000, 12_000_000],
            "thread_count": [3],
        },
        "previous": Previous(
            offset_ns=-500_000_000, counters={"cpu_time_ns": 900_000_000}
        ),
    }
    return ProcessBatch(**values | changes)


def host_batch(**changes: Any) -> HostBatch:
    values: dict[str, Any] = {
        "host": "robot",
        "run": "ab12cd34",
        "slot": SLOT,
        "interval_ns": 1_000_000_000,
        "offset_ns": [0],
        "metrics": {"cpu_time_ns": [5_000_000_000], "load_1m": [0.5]},
    }
    return HostBatch(**values | changes)


def event(**changes: Any) -> Event:
    values: dict[str, Any] = {
        "id": "e-1",
        "host": "robot",
        "event": "worker_started",
        "at_ns": SLOT * 1_000_000_000,
    }
    return Event(**values | changes)
