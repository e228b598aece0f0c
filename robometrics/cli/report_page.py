"""What an outbox holds, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import msgspec

from robometrics.cli.terminal import console, interval, print_table
from robometrics.cli.text import printable, size
from robometrics.publisher.report import OutboxReport, SeriesReport
from robometrics.schema import GAP_CAUSES

_BLOCKS = "▁▂▃▄▅▆▇█"
_OTHER_COLUMNS = 96  # that the table needs beside the chart
_CHART_COLUMNS = (10, 60)
_SERIES = (
    *("SERIES", ">RUNS", ">SAMPLES", ">DURATION"),
    *(">CPU % MEAN", ">MAX", ">MEMORY MAX", "CPU OVER TIME"),
)
_GAPS = ("GAP", ">TIMES", ">SECONDS", ">BATCHES", ">SAMPLES", "WHY")


def columns() -> int:
    """Return how wide a chart may be."""
    least, most = _CHART_COLUMNS
    return max(least, min(most, console().width - _OTHER_COLUMNS))


def print_json(report: OutboxReport) -> None:
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")


def print_report(report: OutboxReport) -> None:
    out = console()
    for line in _summary(report):
        out.print(printable(line))
    if report.gaps:
        out.print()
        print_table(out, _GAPS, _gap_rows(report))
    if report.series:
        out.print()
        has_many = len(report.hosts) > 1
        rows = (_series_row(each, with_host=has_many) for each in report.series)
        print_table(out, _SERIES, rows)


def _summary(report: OutboxReport) -> Iterator[str]:
    yield f"{report.path}, {size(report.size_bytes)}"
    yield f"host {', '.join(report.hosts) or 'not known'}"
    if report.from_slot is not None and report.to_slot is not None:
        seconds = report.to_slot - report.from_slot + 1
        when = interval(report.from_slot, report.to_slot)
        yield f"{when} UTC, {_duration(seconds)}"
    yield f"{report.samples:,} samples in {report.messages:,} messages"
    if report.held:
        yield (
            f"{report.held:,} messages were taken before the clock was set: "
            "they are not counted below"
        )
    if report.unreadable:
        yield f"{report.unreadable:,} messages cannot be read by this release"
    if report.is_damaged:
        yield "the file is damaged: this is what can be read of it"


def _gap_rows(report: OutboxReport) -> Iterator[Sequence[str]]:
    for gap in report.gaps:
        yield (
            gap.cause,
            f"{gap.count:,}",
            f"{gap.seconds:,}",
            f"{gap.missing_batches:,}" if gap.missing_batches else "-",
            f"{gap.missing_samples:,}" if gap.missing_samples else "-",
            GAP_CAUSES.get(gap.cause, "-"),
        )


def _series_row(series: SeriesReport, *, with_host: bool) -> Sequence[str]:
    of_host = f" on {series.host}" if with_host else ""
    return (
        f"{series.kind} {series.name}".strip() + of_host,
        f"{series.runs:,}",
        f"{series.samples:,}",
        _duration(series.seconds),
        _percent(series.cpu_mean_percent),
        _percent(series.cpu_max_percent),
        size(series.memory_max_bytes),
        _blocks(series.chart),
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _duration(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {clock}" if days else clock


def _blocks(values: Sequence[float | None]) -> str:
    """Draw *values*, the highest as a full block, and nothing where there is none."""
    highest = max((value for value in values if value is not None), default=0.0)
    steps = len(_BLOCKS) - 1
    return "".join(
        " "
        if value is None
        else _BLOCKS[round(value / highest * steps) if highest else 0]
        for value in values
    )
