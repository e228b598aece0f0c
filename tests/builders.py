"""Batches and events as a worker would make them, with every value known."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from robometrics import runtime
from robometrics.runtime import Running
from robometrics.schema import (
    AnyBatch,
    Event,
    GpuBatch,
    HostBatch,
    Previous,
    ProcessBatch,
    Tally,
    TallyRow,
)

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


def gpu_batch(**changes: Any) -> GpuBatch:
    values: dict[str, Any] = {
        "host": "robot",
        "run": "ab12cd34",
        "slot": SLOT,
        "interval_ns": 1_000_000_000,
        "offset_ns": [0],
        "index": 0,
        "uuid": "GPU-1",
        "model": "Stand-in",
        "metrics": {
            "gpu_utilization_percent": [42],
            "gpu_memory_used_bytes": [1 << 30],
            "gpu_energy_millijoules_total": [5_000],
        },
    }
    return GpuBatch(**values | changes)


def event(**changes: Any) -> Event:
    values: dict[str, Any] = {
        "id": "e-1",
        "host": "robot",
        "event": "worker_started",
        "at_ns": SLOT * 1_000_000_000,
    }
    return Event(**values | changes)


def tally(*batches: AnyBatch, **changes: Any) -> Tally:
    """Return the account of *batches*, of one host and at most a minute."""
    first = min((batch.slot for batch in batches), default=SLOT)
    first = changes.get("from_slot", first)
    rows: dict[tuple[Any, ...], list[int]] = {}
    for batch in batches:
        row = rows.setdefault((batch.kind, batch.name, batch.run), [0, 0])
        row[0] |= 1 << (batch.slot - first)
        row[1] += len(batch.offset_ns)
    values: dict[str, Any] = {
        "host": "robot",
        "outbox": "0b",
        "sequence": 1,
        "from_slot": first,
        "rows": [TallyRow(*key, *row) for key, row in rows.items()],
    }
    return Tally(**values | changes)


def gap(from_slot: int, to_slot: int, cause: str = "outbox_full", **more: Any) -> Event:
    """Return the event that says slots are missing, both ends included."""
    values: dict[str, Any] = {
        "id": f"g-{from_slot}-{to_slot}",
        "event": "gap",
        "from_slot": from_slot,
        "to_slot": to_slot,
        "cause": cause,
    }
    return event(**values | more)


def fields(message: msgspec.Struct, **changes: Any) -> dict[str, Any]:
    """Return *message* as plain data, to be spoiled."""
    found = msgspec.to_builtins(message)
    assert isinstance(found, dict)
    return found | changes


def announced(**changes: Any) -> Running:
    """Write the run file of an ``up`` that is this very process."""
    pid = os.getpid()
    values: dict[str, Any] = {
        "pid": pid,
        "start_ticks": runtime.start_ticks(pid),
        "nats_url": "nats://up:1",
        "mongo_url": "mongodb://up:1",
        "api_url": "http://up:1",
        "socket_path": "/up/worker.sock",
        "host": "robot",
    }
    running = Running(**values | changes)
    runtime.announce(running)
    return running
