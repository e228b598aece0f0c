"""Everything of one process, as text: figures, the last minutes, its runs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from robometrics.top import text
from robometrics.top.answers import Run
from robometrics.top.rows import ProcessRow
from robometrics.top.trail import SECONDS, chart, highest_of, peak

_CHART_LINES = 4
_AXIS_CELLS = 7
_TOP_MIN = {"cpu_percent": 10.0, "gpu_utilization_percent": 10.0}
_MS_PER_SECOND = 1_000

_Format = Callable[[float | None], str]

_FIGURES: tuple[tuple[str, str, str, _Format], ...] = (
    ("CPU", "cpu_percent", " %", text.percent),
    ("memory", "memory_rss_bytes", "", text.size),
    ("CPU time", "cpu_time_ns", "", text.cpu_time),
    ("threads", "thread_count", "", text.whole),
    ("read", "io_read_bytes_per_second", "/s", text.size),
    ("written", "io_write_bytes_per_second", "/s", text.size),
    ("switches", "context_switches_per_second", "/s", text.whole),
    ("waits for a CPU", "runqueue_wait_percent", " %", text.percent),
    ("GPU", "gpu_utilization_percent", " %", text.percent),
    ("GPU time", "gpu_time_percent", " %", text.percent),
    ("GPU memory", "gpu_memory_used_bytes", "", text.size),
)
_CHARTS: tuple[tuple[str, str, _Format], ...] = (
    ("CPU %, 100 is one core", "cpu_percent", text.percent),
    ("memory", "memory_rss_bytes", text.size),
    ("GPU %", "gpu_utilization_percent", text.percent),
    ("GPU time %", "gpu_time_percent", text.percent),
    ("GPU memory", "gpu_memory_used_bytes", text.size),
)


def page(row: ProcessRow, runs: Sequence[Run] | None, width: int) -> Text:
    """Return the lines; *runs* is ``None`` while they are being asked for."""
    found = Text()
    process = row.process
    if process is not None:
        found.append(row.label, style="bold")
        found.append(f" on {text.escaped(row.id.host)}: {row.state_text}")
        found.append(f", pid {process.pid}, started {text.moment(process.started_ms)}")
        found.append(f", up {text.duration(row.running_seconds)}\n")
        if process.tags:
            tags = (f"{key}={value}" for key, value in sorted(process.tags.items()))
            found.append(f"{text.escaped('  '.join(tags))}\n", style="cyan")
        if process.command:
            found.append(f"{text.escaped(process.command)}\n", style="dim")
    told = (
        f"{title} {shown(row.values[name])}{unit}"
        for title, name, unit, shown in _FIGURES
        if name in row.values
    )
    found.append("\n" + ("   ".join(told) or "no samples now") + "\n")
    for title, name, shown in _CHARTS:
        if name in row.trails:
            found.append(_chart(row, title, name, shown, width))
    found.append("\nRuns, newest first\n", style="bold")
    found.append(_runs(runs))
    return found


def _chart(row: ProcessRow, title: str, name: str, shown: _Format, width: int) -> Text:
    """Return one chart of the last minutes, as wide as there is room."""
    values = row.trails[name].until(row.end_slot, SECONDS)
    room = max(1, width - _AXIS_CELLS - 1)
    seconds = -(-SECONDS // room)
    columns = highest_of(values, seconds)
    top = max(_TOP_MIN.get(name, 1.0), peak(values))
    each = "each second" if seconds == 1 else f"the most in each {seconds} s"
    minutes = SECONDS // 60
    found = Text(f"\n{title}, the last {minutes} minutes, {each}\n", style="bold")
    lines = chart(columns, top, _CHART_LINES)
    for i, line in enumerate(lines):
        mark = shown(top) if i == 0 else "0" if i == len(lines) - 1 else ""
        found.append(f"{mark:>{_AXIS_CELLS}}", style="not bold")
        found.append("│", style="not bold dim")
        found.append(f"{line}\n", style="not bold cyan")
    return found


def _runs(runs: Sequence[Run] | None) -> str:
    if runs is None:
        return "…\n"
    lines = [f"{'STARTED':19}  {'RAN':>7}  {'PID':>7}  {'END':10}  COMMAND"]
    for run in runs:
        started_ms = run.first_seen_ms if run.started_ms is None else run.started_ms
        until_ms = run.last_seen_ms if run.ended_ms is None else run.ended_ms
        ran = (
            None
            if started_ms is None or until_ms is None
            else (until_ms - started_ms) / _MS_PER_SECOND
        )
        end = "" if run.end is None else text.ending(run.exit_code)
        lines.append(
            f"{text.moment(started_ms):19}  {text.duration(ran):>7}  {run.pid:>7}  "
            f"{end:10}  {text.escaped(run.command)}".rstrip()
        )
    return "\n".join(lines) + "\n"
