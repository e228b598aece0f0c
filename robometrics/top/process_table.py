"""The columns of the process table. Pure."""

from __future__ import annotations

from robometrics.top import text
from robometrics.top.columns import Column
from robometrics.top.rows import ProcessRow
from robometrics.top.trail import peak, sparkline

_TOP_PERCENT_MIN = 10.0
"""A process that does next to nothing draws no mountains."""

_STATES = ("running", "live", "stale", "offline", "exited")


def _trail(row: ProcessRow, width: int) -> str:
    found = row.trails.get("cpu_percent")
    if found is None:
        return ""
    values = found.until(row.end_slot, width)
    return sparkline(values, max(_TOP_PERCENT_MIN, peak(values)))


COLUMNS: tuple[Column[ProcessRow], ...] = (
    Column(
        name="host",
        title="HOST",
        about="host it runs on",
        width=10,
        width_max=40,
        rank=5,
        is_number=False,
        text=lambda row, _: text.escaped(row.id.host),
        sort=lambda row: text.natural(row.id.host),
    ),
    Column(
        name="name",
        title="PROCESS",
        about="name it registered under",
        width=15,
        width_max=60,
        rank=0,
        is_number=False,
        text=lambda row, _: row.prefix + row.label,
        sort=lambda row: text.natural(row.label),
    ),
    Column(
        name="pid",
        title="PID",
        about="process id, on its host",
        width=7,
        rank=7,
        text=lambda row, _: str(row.process.pid) if row.process else "",
        sort=lambda row: row.process and row.process.pid,
    ),
    Column(
        name="state",
        title="STATE",
        about="running; stale: silent for 15 s; or how it ended: exit code, signal",
        width=8,
        rank=3,
        is_number=False,
        text=lambda row, _: row.state_text,
        sort=lambda row: (_STATES.index(row.state), row.state_text),
    ),
    Column(
        name="cpu",
        title="CPU%",
        about="CPU use of the last second; 100 is one core",
        width=6,
        rank=1,
        text=lambda row, _: text.percent(row.values.get("cpu_percent")),
        sort=lambda row: row.values.get("cpu_percent"),
    ),
    Column(
        name="trail",
        title="CPU, BY SECOND",
        about="CPU use of the last seconds, up to the peak among them",
        width=14,
        width_max=60,
        rank=4,
        is_number=False,
        style="cyan",
        text=_trail,
    ),
    Column(
        name="memory",
        title="MEM",
        about="resident memory",
        width=5,
        rank=2,
        text=lambda row, _: text.size(row.memory_bytes),
        sort=lambda row: row.memory_bytes,
    ),
    Column(
        name="threads",
        title="THR",
        about="threads",
        width=4,
        rank=9,
        text=lambda row, _: text.whole(row.values.get("thread_count")),
        sort=lambda row: row.values.get("thread_count"),
    ),
    Column(
        name="read",
        title="READ/s",
        about="bytes read from storage, per second",
        width=7,
        rank=10,
        text=lambda row, _: text.size(row.values.get("io_read_bytes_per_second")),
        sort=lambda row: row.values.get("io_read_bytes_per_second"),
    ),
    Column(
        name="write",
        title="WRITE/s",
        about="bytes written to storage, per second",
        width=8,
        rank=10,
        text=lambda row, _: text.size(row.values.get("io_write_bytes_per_second")),
        sort=lambda row: row.values.get("io_write_bytes_per_second"),
    ),
    Column(
        name="gpu",
        title="GPU%",
        about="GPU use, all GPUs",
        width=5,
        rank=6,
        is_optional=True,
        text=lambda row, _: text.percent(row.gpu_percent),
        sort=lambda row: row.gpu_percent,
    ),
    Column(
        name="gpu-memory",
        title="GMEM",
        about="GPU memory, all GPUs",
        width=5,
        rank=6,
        is_optional=True,
        text=lambda row, _: text.size(row.values.get("gpu_memory_used_bytes")),
        sort=lambda row: row.values.get("gpu_memory_used_bytes"),
    ),
    Column(
        name="time",
        title="TIME+",
        about="CPU time used since it started",
        width=9,
        rank=8,
        text=lambda row, _: text.cpu_time(row.values.get("cpu_time_ns")),
        sort=lambda row: row.values.get("cpu_time_ns"),
    ),
    Column(
        name="up",
        title="UP",
        about="time from its start until it was last seen",
        width=6,
        rank=8,
        text=lambda row, _: text.duration(row.running_seconds),
        sort=lambda row: row.running_seconds,
    ),
)
