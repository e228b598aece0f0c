"""The page's files as they are sent: without comments, packed, only if they differ."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from pathlib import Path
from typing import NamedTuple

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PACKED_BYTES_MIN = 512
_VENDOR = "vendor"
"""Folder of what others wrote: it stays as it is, with its licences."""

_COMMENT = re.compile(
    r"/\*\*.*?\*/ ?"  # wherever it is: types, which only tools read
    r"|^[ \t]*/\*.*?\*/"
    r"|^[ \t]*//[^\n]*",
    re.DOTALL | re.MULTILINE,
)


def uncommented(text: str) -> str:
    """Return *text* of JavaScript or CSS without comments, each line where it was.

    Comments behind code stay, unless they begin with two stars. What begins a line like
    a comment must be one, also in a template.
    """
    return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)


class Sent(NamedTuple):
    """One file, ready to be sent."""

    read_at_ns: int
    """Its time of modification when it was read; 0: it is no file."""

    tag: str
    """As in ``ETag``: another one if the content is another."""

    media_type: str
    plain: bytes
    packed: bytes | None
    """By gzip, the one way browsers know also without TLS; ``None``: not worth it."""


class Files:
    """The files below a folder, each read when it is first asked for or has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._sent: dict[Path, Sent] = {}

    def find(self, path: str) -> Sent | None:
        """Return the file at *path*; ``None``: there is none below the folder."""
        try:
            at = (self._folder / path.lstrip("/")).resolve()
            if not at.is_relative_to(self._folder) or not at.is_file():
                return None
            changed_at_ns = at.stat().st_mtime_ns
            found = self._sent.get(at)
            if found is None or found.read_at_ns != changed_at_ns:
                found = self._sent[at] = _read(at, changed_at_ns)
        except (OSError, ValueError):  # a name no file can have, or gone meanwhile
            return None
        return found


def _read(at: Path, changed_at_ns: int) -> Sent:
    content = at.read_bytes()
    if at.suffix in {".css", ".js"} and _VENDOR not in at.parts:
        content = uncommented(content.decode()).encode()
    media_type = _TYPES.get(at.suffix) or mimetypes.guess_type(at.name)[0]
    found = ready(content, media_type or "text/plain", is_text=at.suffix in _TYPES)
    return found._replace(read_at_ns=changed_at_ns)


def ready(content: bytes, media_type: str, *, is_text: bool = True) -> Sent:
    """Return *content* ready to be sent; only text is worth packing."""
    packed = None
    if is_text and len(content) >= _PACKED_BYTES_MIN:
        packed = gzip.compress(content, 9, mtime=0)
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    return Sent(0, tag, media_type, content, packed)
