"""Durations and sizes as people read them."""

from __future__ import annotations

_KIB = 1024
_NS_PER_MINUTE = 60_000_000_000
_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))


def duration(time_ns: int) -> str:
    """Return a time with three digits at least: ``1.24 s``, ``2 h 03 min 07 s``."""
    if time_ns >= _NS_PER_MINUTE:
        minutes, seconds = divmod(round(time_ns / 1e9), 60)
        hours, minutes = divmod(minutes, 60)
        clock = f"{minutes} min {seconds:02} s"
        return f"{hours} h {minutes:02} min {seconds:02} s" if hours else clock
    for unit_ns, unit in _UNITS:
        if time_ns >= unit_ns:
            value = time_ns / unit_ns
            return f"{value:.2f} {unit}" if value < 100 else f"{value:.1f} {unit}"  # noqa: PLR2004
    return f"{time_ns} ns"


def size(size_bytes: int | None) -> str:
    """Return a number of bytes; ``-`` if it is not known."""
    if size_bytes is None:
        return "-"
    scaled = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(scaled) < _KIB:
            return f"{scaled:.0f} {unit}" if unit == "B" else f"{scaled:.1f} {unit}"
        scaled /= _KIB
    return f"{scaled:.1f} TiB"
