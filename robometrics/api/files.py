"""The files of the page as they are sent: each read and packed once, whoever asks."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from pathlib import Path
from typing import NamedTuple

_LEVEL = 9
"""Slow, but each file is packed once."""

_NOT_SENT = frozenset({".py", ".pyc"})


class Sent(NamedTuple):
    """A file as it is sent."""

    media_type: str
    plain: bytes
    packed: bytes
    """By gzip; the plain bytes where that is no shorter."""


class Files:
    """The files below a folder; all methods may be called by any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._stamps: dict[str, tuple[int, int]] = {}
        self._plain: dict[str, bytes] = {}
        self._sent: dict[str, Sent] = {}
        self.version = ""
        """As of the last refresh."""

    def refresh(self) -> str:
        """Read anew what has changed, as it does while someone works on it.

        Returns:
            The version: what tells this content from any other, whoever serves it.
        """
        with self._lock:
            stamps = _stamps(self._folder)
            if stamps != self._stamps:
                self._plain = {
                    name: (self._folder / name).read_bytes() for name in stamps
                }
                self._sent = {}
                self._stamps = stamps
                self.version = _hash(self._plain)
            return self.version

    def find(self, name: str) -> Sent | None:
        """Return the file *name*, a path in the folder, as it was last read."""
        if not self.version:
            self.refresh()
        with self._lock:
            sent, plain = self._sent.get(name), self._plain.get(name)
        if sent is None and plain is not None:
            sent = _sent(name, plain)
            with self._lock:
                self._sent[name] = sent
        return sent


def _sent(name: str, plain: bytes) -> Sent:
    packed = gzip.compress(plain, _LEVEL, mtime=0)
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Sent(media_type, plain, min(packed, plain, key=len))


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return when each file was changed, and its size."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _NOT_SENT and path.is_file():
            stat = path.stat()
            name = path.relative_to(folder).as_posix()
            found[name] = (stat.st_mtime_ns, stat.st_size)
    return found


def _hash(plain: dict[str, bytes]) -> str:
    of_all = hashlib.sha256()
    for name, body in plain.items():
        of_all.update(f"{name} {len(body)}\n".encode() + body)
    return of_all.hexdigest()[:16]
