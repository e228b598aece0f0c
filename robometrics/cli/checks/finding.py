"""What a check found, and what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec

from robometrics.settings import ServerSettings, WorkerSettings

Level = Literal["ok", "warning", "problem"]


class Finding(msgspec.Struct):
    """One line of the report."""

    level: Level
    name: str
    found: str
    advice: str = ""
    """What to do, unless it is fine."""


class Subject(msgspec.Struct, kw_only=True):
    """What is examined."""

    server: ServerSettings
    worker: WorkerSettings
    outbox_dir: str
    """Folder of the outbox of the worker on this host."""

    sources: list[str]
    """Where options came from, besides the defaults."""


Check = Callable[[Subject], AsyncIterator[Finding]]


def ok(name: str, found: str) -> Finding:
    return Finding("ok", name, found)


def warning(name: str, found: str, advice: str) -> Finding:
    return Finding("warning", name, found, advice)


def problem(name: str, found: str, advice: str) -> Finding:
    return Finding("problem", name, found, advice)


def at_least(version: str, wanted: tuple[int, ...]) -> bool:
    """Tell whether *version* is *wanted* or later; an unreadable one is not."""
    numbers = []
    for part in version.split("-", maxsplit=1)[0].split(".")[: len(wanted)]:
        if not part.isdigit():
            return False
        numbers.append(int(part))
    return tuple(numbers) >= wanted


def of_version(
    name: str,
    found: str,
    version: str,
    *,
    program: str,
    oldest: tuple[int, ...],
    tested: tuple[int, ...],
) -> Finding:
    """Judge the *version* of a server: nothing works below *oldest*."""
    wanted = ".".join(map(str, tested))
    if not at_least(version, oldest):
        return problem(name, found, f"upgrade {program} to {wanted} or later")
    if not at_least(version, tested):
        return warning(name, found, f"tested with {wanted}: upgrade {program}")
    return ok(name, found)


def duration(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
