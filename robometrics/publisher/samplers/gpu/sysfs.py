"""Small files of sysfs and procfs: their content, or nothing."""

from __future__ import annotations

from pathlib import Path

_TEXT_BYTES_MAX = 1 << 20


def read_text(path: Path) -> str | None:
    """Return the content without its last line end; ``None`` if it may not be read.

    A file may be there and fail all the same: the device sleeps (``EAGAIN``,
    ``EBUSY``), or has no such sensor (``EOPNOTSUPP``).
    """
    try:
        with path.open("rb") as file:
            return file.read(_TEXT_BYTES_MAX).decode(errors="replace").strip()
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """Return the integer at the start of a file, ``None`` if there is none."""
    text = read_text(path)
    if not text:
        return None
    try:
        return int(text.split(maxsplit=1)[0])
    except ValueError:
        return None


def names_in(folder: Path) -> list[str]:
    """Return what is in *folder*, sorted; nothing if it may not be read."""
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []
