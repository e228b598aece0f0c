"""One reading, whoever posted it: whose it is, and what was read, by metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from robometrics import subjects
from robometrics.api.seed.posts import MachineReading, Post, ProcessReading
from robometrics.api.seed.stamps import to_ns
from robometrics.errors import BadRequestError
from robometrics.store import Series

MILLIWATTS_PER_WATT = 1_000
MACHINE_METRICS = {
    "cpu_percent": "reported_cpu_percent",
    "memory_percent": "reported_memory_percent",
    "gpu_percent": "reported_gpu_percent",
    "gpu_memory_percent": "reported_gpu_memory_percent",
    "cpu_temp": "reported_cpu_temperature_celsius",
    "gpu_temp": "reported_gpu_temperature_celsius",
    "gpu_fan_speed": "reported_gpu_fan_percent",
    "gpu_power_usage": "reported_gpu_power_watts",
}
PROCESS_METRICS = {
    "cpu_percent": "reported_cpu_percent",
    "memory_percent": "reported_memory_percent",
    "gpu_memory": "gpu_memory_used_bytes",
    "gpu_memory_percent": "reported_gpu_memory_percent",
    "num_threads": "thread_count",
}
Values = tuple[tuple[str, int | float], ...]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies a reading, less the time it is given."""

    series: Series
    incarnation: str = ""
    """Which of those under one name, as part of a run's id; empty of a machine."""

    pid: int | None = None
    started_ns: int | None = None
    """Start of the process, ns since the Unix epoch."""

    created_at: float | None
    """As posted."""

    values: Values


def reading_of(machine_id: str, post: MachineReading | ProcessReading) -> Reading:
    """Return what *post* says.

    Raises:
        BadRequestError: It says nothing.
        InvalidNameError: A name is not valid Unicode.
    """
    if not isinstance(post, ProcessReading):
        values = said(post, MACHINE_METRICS)
        power = "reported_gpu_power_watts"
        if power in values:
            values[power] /= MILLIWATTS_PER_WATT
        return Reading(
            series=Series(machine_id, "host", ""),
            created_at=post.created_at,
            values=tuple(values.items()),
        )
    values = said(post, PROCESS_METRICS)
    if "gpu_memory_used_bytes" in values:
        values["gpu_memory_used_bytes"] = round(values["gpu_memory_used_bytes"])
    started_ns = None if post.create_time is None else to_ns(post.create_time)
    return Reading(
        series=Series(machine_id, "process", subjects.shortened(post.name)),
        incarnation=f"{post.pid}-{(started_ns or 0) // 1_000_000}",
        pid=post.pid,
        started_ns=started_ns,
        created_at=post.created_at,
        values=tuple(values.items()),
    )


def said(post: Post, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of *post* that *names* translates and that are there.

    Raises:
        BadRequestError: None is.
    """
    given = msgspec.structs.asdict(post)
    found = {
        name: given[field] for field, name in names.items() if given[field] is not None
    }
    if not found:
        raise BadRequestError("body", f"says nothing: send one of {', '.join(names)}")
    return found
