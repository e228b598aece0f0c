"""How ``robometrics run`` tells what a command cost: lines, or JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import msgspec

from robometrics.cli.run_summary import Summary
from robometrics.cli.text import printable, size
from robometrics.lib.measure.text import duration


def as_json(summary: Summary) -> bytes:
    return msgspec.json.encode(
        msgspec.to_builtins(summary) | {"cpu_percent": summary.cpu_percent}
    )


def lines(summary: Summary) -> Iterator[str]:
    """Yield what people want to know."""
    yield f"robometrics: {printable(shlex.join(summary.command))[:100]}"
    for label, text in _entries(summary):
        yield f"  {label:<9} {printable(text)}"


def _entries(summary: Summary) -> Iterator[tuple[str, str]]:
    how = f"exit code {summary.exit_code}"
    if summary.signal is not None:
        how = f"killed by {summary.signal}"
    yield "ended", f"{how}, after {duration(summary.wall_time_ns)}"
    user, system = summary.cpu_user_time_ns, summary.cpu_system_time_ns
    percent = summary.cpu_percent
    share = "" if percent is None else f" ({percent:.0f} % of a core)"
    split = f"user {duration(user)}, system {duration(system)}"
    total = f"{duration(user + system)}{share}"
    yield "CPU", f"{total}: {split}; children waited for included"
    yield "memory", "; ".join(_memory(summary))
    yield (
        "faults",
        f"{summary.major_faults:,} read from storage, {summary.minor_faults:,} minor",
    )
    voluntary, involuntary = summary.voluntary_switches, summary.involuntary_switches
    yield "switches", f"{voluntary:,} voluntary, {involuntary:,} involuntary"
    yield (
        "storage",
        f"{size(summary.io_read_bytes)} read, {size(summary.io_write_bytes)} written",
    )
    yield "samples", _samples(summary)


def _memory(summary: Summary) -> Iterator[str]:
    peak, at_most = summary.peak_memory_bytes, summary.peak_memory_at_most_bytes
    bound = "" if at_most is None else f", at most {size(at_most)}"
    if peak is None:
        yield f"too short to be seen{bound}"
    elif summary.peak_memory_method == "kernel":
        yield f"{size(peak)} peak of the largest process"
    else:
        yield f"about {size(peak)} peak of the largest process (sampled{bound})"
    if summary.tree_peak_process_count > 1:
        yield (
            f"about {size(summary.tree_peak_memory_bytes)} of "
            f"{summary.tree_peak_process_count} processes together (sampled)"
        )


def _samples(summary: Summary) -> str:
    if summary.not_measured is not None:
        return f"none: {summary.not_measured}"
    count = "taken" if summary.samples is None else f"{summary.samples:,}"
    every = (
        f", one every {duration(summary.interval_ns)}" if summary.interval_ns else ""
    )
    where = f": {summary.url}" if summary.url else ""
    return f"{count} of {summary.process} on {summary.host}{every}{where}"
