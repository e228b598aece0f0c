"""Numbers by name in the kernel's text files, without splitting all of the text."""

from __future__ import annotations


def number_after(text: bytes, label: bytes, end: bytes = b"\n") -> int | None:
    """Return the number between *label* and *end*; ``None`` if there is no label.

    A label that begins with a newline is found at the beginning of a line only.

    Raises:
        ValueError: It is not a number.
    """
    at = text.find(label)
    if at < 0:
        return None
    start = at + len(label)
    return int(text[start : text.index(end, start)])
