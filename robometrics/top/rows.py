"""Rows as they are at one moment: of processes, and of hosts with their GPUs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from robometrics.top import text
from robometrics.top.answers import Process
from robometrics.top.series import SeriesId
from robometrics.top.trail import Trail
from robometrics.top.values import Number

State = Literal["live", "running", "stale", "offline", "exited"]
_MS_PER_SECOND = 1_000


class Row(msgspec.Struct, kw_only=True):
    """What all rows have."""

    id: SeriesId
    label: str
    """The name, fit to be shown."""

    state: State
    end_slot: int = 0
    """The second that trails are drawn up to."""

    prefix: str = ""
    """What stands before the name: branches of a tree."""


class ProcessRow(Row, kw_only=True):
    """A process; in a tree also a host, above its own."""

    process: Process | None = None
    """``None`` of a host."""

    values: Mapping[str, Number] = {}
    """By the catalogue's names; what says nothing of now is left out."""

    trails: Mapping[str, Trail] = {}
    running_seconds: float | None = None
    """Since it started, until it was last seen."""

    @property
    def state_text(self) -> str:
        if self.state == "exited" and self.process is not None:
            return text.ending(self.process.exit_code)
        return self.state

    @property
    def memory_bytes(self) -> Number | None:
        resident = self.values.get("memory_rss_bytes")
        return self.values.get("memory_used_bytes") if resident is None else resident

    @property
    def gpu_percent(self) -> Number | None:
        """As the driver tells it; else GPU time, as AMD and Intel count it."""
        told = self.values.get("gpu_utilization_percent")
        return self.values.get("gpu_time_percent") if told is None else told

    def has(self, words: str) -> bool:
        """Tell whether host, name, pid, tags or command have *words*, in lower case."""
        found = self.process
        if found is None:
            return False
        tags = " ".join(f"{key}={value}" for key, value in found.tags.items())
        told = f"{found.host} {found.process} {found.pid} {tags} {found.command}"
        return words in told.lower()


class HostRow(Row, kw_only=True):
    """A host, or one of its GPUs below it."""

    cpu_percent: float | None = None
    """100 is one core."""

    gpu_percent: float | None = None
    """Of a host the mean of its GPUs."""

    memory_used_bytes: Number | None = None
    memory_total_bytes: Number | None = None
    temperature_celsius: Number | None = None
    power_watts: Number | None = None
    running: int | None = None
    """Processes that run; ``None`` of a GPU."""

    outbox_messages: int | None = None
    trail: Trail | None = None
    trail_top: float = 100.0
    """What a full block of the trail means."""

    @property
    def memory_percent(self) -> float | None:
        used, total = self.memory_used_bytes, self.memory_total_bytes
        return 100 * used / total if used is not None and total else None


def process_row(
    process: Process, values: Mapping[str, Number], now_ms: float
) -> ProcessRow:
    """Return the row of *process*, whose newest *values* count while it runs."""
    until_ms = now_ms if process.state == "running" else process.last_seen_ms
    started_ms = process.started_ms
    return ProcessRow(
        id=SeriesId(process.host, "process", process.process),
        label=text.escaped(process.process),
        state=process.state,
        process=process,
        values=values if process.state == "running" else {},
        running_seconds=None
        if started_ms is None
        else (until_ms - started_ms) / _MS_PER_SECOND,
    )
