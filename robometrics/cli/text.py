"""Text from outside, made fit for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from robometrics.lib.measure.text import size

__all__ = ["hexdump", "printable", "size", "table"]

_BYTES_A_LINE = 16


def printable(text: str) -> str:
    """Return *text* without what could steer a terminal: names are not ours."""
    return "".join(c if c.isprintable() else "?" for c in text)


def hexdump(data: bytes) -> list[str]:
    """Return *data* as lines of offset, bytes in hexadecimal, and what prints."""
    lines = []
    for offset in range(0, len(data), _BYTES_A_LINE):
        row = data[offset : offset + _BYTES_A_LINE]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        shown = "".join(chr(b) if 32 <= b < 127 else "." for b in row)  # noqa: PLR2004
        lines.append(f"{offset:08x}  {left:<23}  {right:<23}  |{shown}|")
    return lines


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return *rows*, the first of them headers, with their columns aligned.

    A column whose header begins with ``>`` is one of numbers, aligned to the right.
    """
    numbers = [header.startswith(">") for header in rows[0]]
    rows = [tuple(header.removeprefix(">") for header in rows[0]), *rows[1:]]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in rows
    )
