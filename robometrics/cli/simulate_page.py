"""What a simulation came to, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from robometrics.cli.terminal import console, print_table
from robometrics.cli.text import size, table
from robometrics.simulation import plan
from robometrics.simulation.simulating import Result, Wanted

_PARTS = ("PART", ">CORES", ">MEMORY", ">US A MESSAGE")


def print_plan() -> None:
    print(table(plan.rows(plan.Costs())))


def print_beginning(wanted: Wanted, broker: str) -> None:
    """Say what will be done, where nothing else is said for so long."""
    print(
        f"playing {wanted.hosts:,} hosts with {wanted.processes} processes each at "
        f"{wanted.hz} Hz for {wanted.seconds:g} s, into {broker}",
        file=sys.stderr,
        flush=True,
    )


def print_json(result: Result) -> None:
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


def print_result(result: Result) -> None:
    out = console()
    for line in sentences(result):
        out.print(line)
    if result.parts:
        out.print()
        found = sorted(result.parts.items(), key=lambda entry: -entry[1].cores)
        rows = [
            (
                part,
                f"{cost.cores:.2f}",
                size(cost.memory_bytes),
                f"{cost.cpu_us_per_message:.0f}",
            )
            for part, cost in found
        ]
        print_table(out, _PARTS, rows)
    out.print()
    for line in verdict(result):
        out.print(line)
    out.print()
    out.print(
        f"To delete what was stored, once it is: robometrics simulate "
        f"--forget '{result.hosts}'"
    )


def sentences(result: Result) -> Iterator[str]:
    """Yield what was sent, and what became of it."""
    share = result.per_second / result.offered_per_second
    yield (
        f"{result.sent:,} messages in {result.seconds:.1f} s, after "
        f"{result.registered:,} that registered; acknowledged "
        f"{result.per_second:,.0f} a second, {share:.0%} of the "
        f"{result.offered_per_second:,.0f} ({size(result.offered_bytes_per_second)}) "
        "that such a fleet has."
    )
    yield (
        f"Acknowledged after {result.ack_p50_ms:.1f} ms (p50), "
        f"{result.ack_p99_ms:.1f} ms (p99); {result.late:,} sent more than a second "
        f"late; refused and sent again {result.refused:,} times"
        + (f" ({result.problem})." if result.problem else ".")
    )
    if result.unacknowledged:
        yield (
            f"{result.unacknowledged:,} were not acknowledged to the end: they may be "
            "stored or not, and robometrics audit will tell."
        )
    for durable, stage in result.stages.items():
        yield (
            f"{durable} took in {stage.per_second:,.0f} a second; "
            f"{stage.waiting:,} messages waited for it in the end."
        )


def verdict(result: Result) -> Iterator[str]:
    """Yield what gave, first things first."""
    if not result.gave:
        yield "Nothing gave: this machine can take more."
    for place, found in enumerate(result.gave):
        when = "First gave" if place == 0 else "Then"
        yield (
            f"{when} {found.part}, after {found.at_seconds:.0f} s: {found.sign}; "
            f"{found.cause}."
        )
