"""What an audit found, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from robometrics.cli.terminal import console, interval, moment, print_table
from robometrics.cli.text import printable
from robometrics.store.audit import Account
from robometrics.store.report import Report

if TYPE_CHECKING:
    from rich.console import Console

GAPS_SHOWN = 100
_VERDICTS = {
    "clean": "clean: everything taken is stored once and rolled up once",
    "waiting": "still on its way: ask again, or with a longer --wait-seconds",
    "unexplained": "UNEXPLAINED differences",
}
_SERIES = (
    *("SERIES", ">RUNS", ">TAKEN", ">STORED", ">SAMPLES TAKEN", ">STORED"),
    *(">MISSING", ">EXPLAINED", ">ROLLUPS DIFFER", ">OTHER"),
)


def print_json(reports: Sequence[Report]) -> None:
    found = [
        msgspec.to_builtins(report)
        | {
            "state": report.state,
            "late": report.late,
            "wrong": report.wrong,
            "untallied": report.untallied,
        }
        for report in reports
    ]
    sys.stdout.write(msgspec.json.encode({"hosts": found}).decode() + "\n")


def print_reports(reports: Sequence[Report]) -> None:
    out = console()
    for number, report in enumerate(reports):
        if number:
            out.print()
        _print_report(out, report)


def _print_report(out: Console, report: Report) -> None:
    until = interval(report.from_slot, report.to_slot - 1)
    out.print(f"{printable(report.host)}, {until} UTC", style="bold")
    print_table(out, _SERIES, _series_rows(report.runs))
    out.print()
    for line in _summary(report):
        out.print(printable(line))
    style = "bold" if report.state == "clean" else "bold red"
    out.print(_verdict(report), style=style)
    if report.gaps:
        out.print()
        _print_gaps(out, report)


def _verdict(report: Report) -> str:
    if report.too_young and report.state == "clean":
        return f"{_VERDICTS['clean']}, as far as it is old enough to be judged"
    if report.too_young and not report.on_its_way and report.state == "waiting":
        return (
            "too young to be judged: a worker says each minute what it took; if it "
            "runs, ask again in two minutes"
        )
    return _VERDICTS[report.state]


def _series_rows(runs: Iterable[Account]) -> Iterator[tuple[str, ...]]:
    series: dict[tuple[str, str], list[Account]] = {}
    for run in runs:
        series.setdefault((run.kind, run.name), []).append(run)
    for (kind, name), found in series.items():
        total = Account(kind=kind, name=name, run="")
        for run in found:
            total.add(run)
        is_judged = total.taken or not total.untallied_recent
        rollups = (total.not_folded, total.only_folded, total.unequal_windows)
        yield (
            f"{kind} {name}".strip(),
            str(len(found)),
            str(total.taken) if is_judged else "-",
            str(total.stored),
            str(total.taken_samples) if is_judged else "-",
            str(total.stored_samples),
            str(total.missing),
            str(total.explained),
            str(sum(sum(each.values()) for each in rollups)),
            str(total.unequal + total.doubled + total.untallied),
        )


def _summary(report: Report) -> Iterator[str]:
    """Yield a line for each sum, and for each difference that can be named."""
    taken = sum(run.taken for run in report.runs)
    stored = sum(run.stored for run in report.runs)
    yield (
        f"{taken} batches taken, {stored} stored "
        f"({report.too_young} too young for a tally); "
        f"{report.tallies} tallies, {report.events} events in them; "
        f"{report.on_its_way} messages on their way"
    )
    if report.beyond_retention_until is not None:
        until = moment(report.beyond_retention_until)
        yield (
            f"beyond retention: samples from before {until} were deleted, as "
            "keep_raw_days or a [[retain]] rule says; hours without are not compared"
        )
    if reported := sum(run.reported for run in report.runs):
        yield (
            f"{reported} batches were posted over HTTP: compared with the rollups, "
            "but no worker says how many there should be"
        )
    for run in report.runs:
        yield from _differences(run)
    for tally in report.missing_tallies:
        numbers = f"{tally.first} to {tally.last} of outbox {tally.outbox}"
        when = interval(tally.from_slot, tally.to_slot)
        why = " (given up, see the gaps)" if tally.explained else ""
        yield f"missing tallies: {numbers}, {when}{why}"
    if report.missing_events_total:
        yield (
            f"events not stored: {report.missing_events_total}, of these given up: "
            f"{report.missing_events_explained} {' '.join(report.missing_events)}"
        )
    for first, last in report.holes:
        yield f"nothing is known of the host: {interval(first, last)}"
    if report.holes_slots > sum(last - first + 1 for first, last in report.holes):
        yield f"and more, {report.holes_slots} s in all"


def _differences(run: Account) -> Iterator[str]:
    who = f"{run.kind} {run.name} run {run.run}".replace("  ", " ")
    for first, last in run.missing_slots:
        yield f"not stored: {who}: {interval(first, last)}"
    for number, what in (
        (run.unequal, "tallies with other numbers of samples than are stored"),
        (run.doubled, "batches taken twice: two workers under one name?"),
        (run.untallied, "batches stored that no tally knows"),
    ):
        if number:
            yield f"{who}: {number} {what}"
    for counts, what in (
        (run.not_folded, "batches stored but not folded"),
        (run.only_folded, "batches folded but not stored"),
        (run.unequal_windows, "windows with other numbers of samples"),
    ):
        for resolution, number in counts.items():
            yield f"{who}: rollups of {resolution}: {number} {what}"


def _print_gaps(out: Console, report: Report) -> None:
    """Print each gap, by cause."""
    found = sorted(report.gaps, key=lambda each: (each.gap.cause, each.gap.from_slot))
    headers = ("GAP", "FROM (UTC)", ">SECONDS", ">MISSING", ">EXPLAINS", "OF", "WHY")
    print_table(
        out,
        headers,
        (
            (
                gap.cause or "-",
                moment(gap.from_slot),
                str(gap.to_slot - gap.from_slot + 1),
                "-" if gap.missing is None else str(gap.missing),
                str(each.batches),
                gap.process or "host",
                gap.text,
            )
            for each in found[:GAPS_SHOWN]
            for gap in [each.gap]
        ),
    )
    if len(found) > GAPS_SHOWN:
        out.print(f"and {len(found) - GAPS_SHOWN} more; --json has all")
