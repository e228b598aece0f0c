"""What is used, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import msgspec

from robometrics.cli.terminal import console, moment, print_table
from robometrics.cli.text import size
from robometrics.keeping import SECONDS_PER_DAY
from robometrics.store.usage import Part, Usage, Whose

_PARTS = (
    *("PART", ">DOCUMENTS", ">ON DISK", ">UNPACKED", ">PER DAY", ">KEPT", ">AT MOST"),
)
_DAYS_SAID_MAX = 36_500


def print_json(usage: Usage) -> None:
    sys.stdout.write(msgspec.json.encode(usage).decode() + "\n")


def print_usage(usage: Usage) -> None:
    out = console()
    print_table(out, _PARTS, [_part_row(part) for part in usage.parts])
    names = [part.part for part in usage.parts]
    for title, found in (("HOST", usage.hosts), ("SERIES", usage.series)):
        if found:
            out.print()
            columns = [name for name in names if any(name in w.parts for w in found)]
            headers = (
                *(title, *(f">{name.upper()}" for name in columns), ">IN ALL"),
                *(">PER DAY", ">SAMPLES", ">B/SAMPLE"),
            )
            print_table(out, headers, [_whose_row(each, columns) for each in found])
    out.print()
    for line in sentences(usage):
        out.print(line)


def _part_row(part: Part) -> tuple[str, ...]:
    return (
        part.part,
        f"{part.documents:,}",
        size(part.bytes),
        size(part.bson_bytes),
        size(round(part.bytes_per_day)),
        "for ever" if part.keep_days is None else f"{part.keep_days:g} d",
        "no limit" if part.most_bytes is None else size(part.most_bytes),
    )


def _whose_row(whose: Whose, columns: Sequence[str]) -> tuple[str, ...]:
    name = f"{whose.host} {whose.kind} {whose.name}".strip()
    per_sample = whose.bytes_per_sample
    return (
        name,
        *(size(whose.parts.get(column, 0)) for column in columns),
        size(whose.bytes),
        size(round(whose.bytes_per_day)),
        f"{whose.samples:,}",
        "-" if per_sample is None else f"{per_sample:.1f}",
    )


def sentences(usage: Usage) -> Iterator[str]:
    """Yield what is used of the disk, and where that leads."""
    disk = usage.disk
    if not disk.is_known:
        yield "Nothing is stored yet; the database tells its disk when something is."
        return
    share = usage.bytes / disk.total_bytes
    yield (
        f"This database has {size(usage.bytes)}, {share:.1%} of a disk of "
        f"{size(disk.total_bytes)} of which {size(disk.free_bytes)} are free, as the "
        f"database says; it grows by about {size(round(usage.bytes_per_day))} a day."
    )
    if usage.reusable_bytes:
        yield (
            f"Of its files {size(usage.reusable_bytes)} are of what was deleted, and "
            "wait for what comes."
        )
    yield _prediction(usage)
    if usage.is_estimate:
        yield "Large collections were sampled: figures of series are about right."


def _prediction(usage: Usage) -> str:
    room = f"{size(usage.disk.free_bytes + usage.reusable_bytes)} free"
    days = usage.full_in_days
    if days is None and usage.most_bytes is not None:
        held = f"retention holds the database at about {size(usage.most_bytes)}"
        return f"The disk will never be full: {held}, with {room}."
    if days is None or days > _DAYS_SAID_MAX:
        return f"The disk will not be full within a hundred years, with {room}."
    when = moment(round(usage.at_slot + days * SECONDS_PER_DAY))
    said = f"at {when[11:16]} UTC" if days < 1 else f"on {when[:10]}"
    about = f"in {days * 24:.0f} hours" if days < 2 else f"in {days:.0f} days"  # noqa: PLR2004
    advice = "keep less (keep_raw_days and its like), or enlarge it"
    return f"The disk will be full {about}, {said}, if all goes on so: {advice}."
