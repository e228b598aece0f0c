"""Text from outside, made fit for a terminal."""

from __future__ import annotations

_KIB = 1024
_BYTES_A_LINE = 16


def printable(text: str) -> str:
    """Return *text* without what could steer a terminal: names are not ours."""
    return "".join(c if c.isprintable() else "?" for c in text)


def size(size_bytes: int | None) -> str:
    """Return a number of bytes as people read it; ``-`` if it is not known."""
    if size_bytes is None:
        return "-"
    scaled = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if scaled < _KIB:
            return f"{scaled:.0f} {unit}" if unit == "B" else f"{scaled:.1f} {unit}"
        scaled /= _KIB
    return f"{scaled:.1f} TiB"


def hexdump(data: bytes) -> list[str]:
    """Return *data* as lines of offset, bytes in hexadecimal, and what prints."""
    lines = []
    for offset in range(0, len(data), _BYTES_A_LINE):
        row = data[offset : offset + _BYTES_A_LINE]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        shown = "".join(chr(b) if 32 <= b < 127 else "." for b in row)  # noqa: PLR2004
        lines.append(f"{offset:08x}  {left:<23}  {right:<23}  |{shown}|")
    return lines


def table(rows: list[tuple[str, ...]]) -> str:
    """Return *rows* with their columns aligned to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )
