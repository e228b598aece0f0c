"""The lines above the tables, and what stands where there is nothing yet. Pure."""

from __future__ import annotations

from rich.text import Text

from robometrics.top import text
from robometrics.top.answers import Pipeline
from robometrics.top.feed import Connection
from robometrics.top.model import SERIES_MAX, Rows
from robometrics.top.pipeline import describe
from robometrics.top.view import ProcessView

EMPTY = """\
No host has sent a sample yet.

On each machine that is to be measured, start a worker:
    robometrics-worker --nats-url nats://SERVER:4222

and measure a process, by a command before it or by one line in it:
    robometrics run --name demo -- COMMAND
    Register.auto_register("demo")    # from robometrics.lib.register import Register
"""


def connection_line(
    connection: Connection, pipeline: Pipeline | None, newest_ms: float, now_ms: float
) -> Text:
    """Return whether what is seen is live, and whether it is stored."""
    line = Text("RoboMetrics  ", style="bold", no_wrap=True, overflow="ellipsis")
    line.append(f"{text.clock(now_ms)}  ", style="not bold")
    if connection.state == "live":
        line.append("● live", style="green not bold")
    else:
        line.append(f"○ {connection.state}", style="bold yellow reverse")
        if newest_ms:
            up_to = text.clock(min(newest_ms, now_ms))  # a host's clock may be ahead
            line.append(f", data up to {up_to}", style="yellow")
    if pipeline is not None:
        storing = describe(pipeline)
        style = "bold yellow" if storing.is_behind else "not bold"
        line.append(f"  {text.escaped(storing.text)}", style=style)
    if connection.problem:
        line.append(f"  {text.escaped(connection.problem)}", style="not bold yellow")
    return line


def view_line(rows: Rows, shown: int, view: ProcessView, *, is_paused: bool) -> Text:
    """Return what of everything is shown, and how."""
    line = Text(no_wrap=True, overflow="ellipsis")
    if is_paused:
        line.append(f" PAUSED at {text.clock(rows.now_ms)} ", style="bold reverse")
        line.append(" ")
    parts = [_counts(rows), f"{shown:,} lines by {view.column.title}"]
    if view.host is not None:
        parts.append(f"host: {text.escaped(view.host)}")
    if view.words:
        parts.append(f"filter: {text.escaped(view.words)}")
    if view.shows_all:
        parts.append("ended ones too")
    line.append("  ".join(parts))
    if rows.left_out:
        line.append(
            f"  {rows.left_out:,} of more than {SERIES_MAX:,} series without values: "
            "narrow with --host",
            style="bold yellow",
        )
    return line


def _counts(rows: Rows) -> str:
    hosts = len(rows.heads)
    running = sum(row.state == "running" for row in rows.processes)
    return f"{hosts:,} host{'s' * (hosts != 1)}  {running:,} running"


def summary(rows: Rows, pipeline: Pipeline | None) -> str:
    """Return in one line what there is, and whether it is stored."""
    storing = "" if pipeline is None else f"  {text.escaped(describe(pipeline).text)}"
    return f"{text.moment(rows.now_ms)}  {_counts(rows)}{storing}"
