"""The columns of the table of hosts and their GPUs. Pure."""

from __future__ import annotations

from robometrics.top import text
from robometrics.top.columns import Column
from robometrics.top.rows import HostRow
from robometrics.top.trail import sparkline

_STATES = ("live", "stale", "offline")
BADGES = {"live": "●", "stale": "◐", "offline": "○"}
"""A sign beside the word, so that colour is never needed."""


def _trail(row: HostRow, width: int) -> str:
    if row.trail is None:
        return ""
    return sparkline(row.trail.until(row.end_slot, width), row.trail_top)


def _state(row: HostRow, width: int) -> str:
    return f"{BADGES[row.state]} {row.state}" if width else row.state


def _memory(row: HostRow, _: int) -> str:
    if row.memory_used_bytes is None:
        return text.NO_VALUE
    used, total = row.memory_used_bytes, row.memory_total_bytes
    return f"{text.size(used)}/{text.size(total)}"


COLUMNS: tuple[Column[HostRow], ...] = (
    Column(
        name="host",
        title="HOST",
        about="host, or below it one of its GPUs",
        width=16,
        width_max=50,
        rank=0,
        is_number=False,
        text=lambda row, _: row.prefix + row.label,
        sort=lambda row: text.natural(row.label),
    ),
    Column(
        name="state",
        title="STATE",
        about="live; stale: silent for 15 s; offline: for five minutes",
        width=9,
        rank=1,
        is_number=False,
        text=_state,
        sort=lambda row: _STATES.index(row.state),
    ),
    Column(
        name="cpu",
        title="CPU%",
        about="CPU use of the last second; 100 is one core",
        width=5,
        rank=2,
        text=lambda row, _: (
            text.percent(row.cpu_percent) if row.running is not None else ""
        ),
        sort=lambda row: row.cpu_percent,
    ),
    Column(
        name="trail",
        title="BY SECOND",
        about="use of the cores, up to all of them, or of the GPU, in the last seconds",
        width=10,
        width_max=60,
        rank=7,
        is_number=False,
        style="cyan",
        text=_trail,
    ),
    Column(
        name="memory",
        title="MEM%",
        about="memory in use",
        width=5,
        rank=3,
        text=lambda row, _: text.percent(row.memory_percent),
        sort=lambda row: row.memory_percent,
    ),
    Column(
        name="memory-bytes",
        title="USED/TOTAL",
        about="memory in use, of all there is",
        width=11,
        rank=8,
        text=_memory,
        sort=lambda row: row.memory_used_bytes,
    ),
    Column(
        name="gpu",
        title="GPU%",
        about="GPU use; of a host the mean of its GPUs",
        width=5,
        rank=4,
        is_optional=True,
        text=lambda row, _: text.percent(row.gpu_percent),
        sort=lambda row: row.gpu_percent,
    ),
    Column(
        name="temperature",
        title="°C",
        about="temperature: the hottest sensor of the host, or the GPU's own",
        width=3,
        rank=5,
        is_optional=True,
        text=lambda row, _: text.whole(row.temperature_celsius),
        sort=lambda row: row.temperature_celsius,
    ),
    Column(
        name="power",
        title="WATTS",
        about="power the GPU draws",
        width=6,
        rank=9,
        is_optional=True,
        text=lambda row, _: text.whole(row.power_watts) if row.running is None else "",
        sort=lambda row: row.power_watts,
    ),
    Column(
        name="processes",
        title="PROCS",
        about="processes that run",
        width=6,
        rank=6,
        text=lambda row, _: "" if row.running is None else str(row.running),
        sort=lambda row: row.running,
    ),
    Column(
        name="backlog",
        title="HELD",
        about="batches the host holds, that the broker did not acknowledge yet",
        width=6,
        rank=10,
        text=lambda row, _: (
            "" if row.running is None else text.whole(row.outbox_messages)
        ),
        sort=lambda row: row.outbox_messages,
    ),
)
