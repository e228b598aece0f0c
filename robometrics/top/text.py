"""Names and numbers as they stand in a cell. Pure."""

from __future__ import annotations

import re
import signal
from datetime import datetime
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

NO_VALUE = "-"

_UNITS = "BKMGTPE"
_NUMBERS = re.compile(r"(\d+)")
_MS_PER_SECOND = 1_000
_NS_PER_CENTISECOND = 10_000_000


def escaped(text: str) -> str:
    """Return *text* with all that is not printable as an escape: names are not ours.

    So nothing in a name steers the terminal, and different names look different.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def fitted(text: str, width: int, *, is_number: bool = False) -> str:
    """Return *text* in exactly *width* cells; what had to go is told by ``…``."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    padding = " " * (width - length)
    return padding + text if is_number else text + padding


@lru_cache(maxsize=8_192)
def natural(name: str) -> tuple[str | int, ...]:
    """Return a key by which ``robot-2`` comes before ``robot-10``."""
    parts = _NUMBERS.split(name.casefold())
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts))


def percent(value: float | None) -> str:
    """Return a share: ``0.0``, ``12.3``, ``100``."""
    if value is None:
        return NO_VALUE
    return f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"  # noqa: PLR2004


def whole(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.0f}"


def size(size_bytes: float | None) -> str:
    """Return bytes (or bytes per second) in at most five cells: ``812M``, ``1.24G``."""
    if size_bytes is None:
        return NO_VALUE
    scaled, unit = float(size_bytes), 0
    # 999.5 and not 1024: "1000K" would need a fourth digit.
    while abs(scaled) >= 999.5 and unit < len(_UNITS) - 1:  # noqa: PLR2004
        scaled /= 1024
        unit += 1
    if unit == 0 or abs(scaled) >= 99.95:  # noqa: PLR2004
        return f"{scaled:.0f}{_UNITS[unit]}"
    return f"{scaled:.{1 if abs(scaled) >= 9.995 else 2}f}{_UNITS[unit]}"  # noqa: PLR2004


def duration(seconds: float | None) -> str:
    """Return a time in its two largest units: ``12s``, ``5m07s``, ``3d04h``."""
    if seconds is None:
        return NO_VALUE
    seconds = max(0, int(seconds))
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        return f"{days}d{hours % 24:02}h"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    if minutes:
        return f"{minutes}m{seconds % 60:02}s"
    return f"{seconds}s"


def cpu_time(time_ns: float | None) -> str:
    """Return used CPU time as ``top`` does: ``0:01.25``, ``59:10.00``, ``14h03:09``."""
    if time_ns is None:
        return NO_VALUE
    seconds, centiseconds = divmod(int(time_ns) // _NS_PER_CENTISECOND, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}.{centiseconds:02}"


def clock(time_ms: float) -> str:
    """Return the local time of day."""
    return datetime.fromtimestamp(time_ms / _MS_PER_SECOND).strftime("%H:%M:%S")  # noqa: DTZ006  a clock on the wall


def moment(time_ms: float | None) -> str:
    """Return local date and time."""
    if time_ms is None:
        return NO_VALUE
    found = datetime.fromtimestamp(time_ms / _MS_PER_SECOND)  # noqa: DTZ006
    return found.strftime("%Y-%m-%d %H:%M:%S")


def ending(exit_code: int | None) -> str:
    """Return how a process ended: ``exit 1``, ``SIGKILL``; ``ended``: nobody knows."""
    if exit_code is None:
        return "ended"
    if exit_code >= 0:
        return f"exit {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"
