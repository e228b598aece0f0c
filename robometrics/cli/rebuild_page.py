"""What a recomputation of rollups found, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from robometrics.cli.terminal import console, interval, moment, print_table
from robometrics.cli.text import printable
from robometrics.store.rebuilding import Found, Rebuilt

if TYPE_CHECKING:
    from rich.console import Console

_FOUND = ("SERIES", "RUN", "WINDOW", "FROM (UTC)", "WHAT", "FROM BATCHES", "KEPT")


def print_json(found: Sequence[Rebuilt]) -> None:
    hosts = [msgspec.to_builtins(each) | {"equal": each.is_equal} for each in found]
    sys.stdout.write(msgspec.json.encode({"hosts": hosts}).decode() + "\n")


def print_found(found: Sequence[Rebuilt]) -> None:
    out = console()
    for number, each in enumerate(found):
        if number:
            out.print()
        _print(out, each)


def _print(out: Console, found: Rebuilt) -> None:
    until = interval(found.from_slot, found.to_slot - 1)
    out.print(f"{printable(found.host)}, {until} UTC", style="bold")
    out.print(
        f"{found.batches} batches stored, {found.windows} windows compared: "
        f"{found.differing + found.repaired} differ, {found.repaired} repaired; "
        f"{found.not_folded} batches not folded, {found.only_folded} only folded"
    )
    if found.beyond_retention_until is not None:
        gone = moment(found.beyond_retention_until)
        out.print(
            f"beyond retention: batches from before {gone} were deleted; what they "
            "made is left as it is"
        )
    if found.found:
        print_table(out, _FOUND, _rows(found.found))
        if found.differing + found.repaired > len(found.found):
            out.print("and more, see the counts")
    style = "bold" if found.is_equal else "bold red"
    out.print("equal" if found.is_equal else "DIFFERENT", style=style)


def _rows(found: Iterable[Found]) -> Iterable[tuple[str, ...]]:
    for each in found:
        run = each.run if not each.generation else f"{each.run} ({each.generation})"
        yield (
            f"{each.kind} {each.name}".strip(),
            run,
            each.resolution,
            moment(each.difference.start),
            each.difference.what,
            each.difference.expected,
            each.difference.kept,
        )
