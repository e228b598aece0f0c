"""Files that hold a secret: written for one user, refused when everybody may read.

A secret is never an option's value: other users see command lines and environments
of programs, and logs are copied. An option names the file.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from robometrics.errors import SettingsError

SECRET_BYTES_MAX = 64 * 1024
_CHANGED_OR_SEEN = stat.S_IRWXO | stat.S_IWGRP


def read_secret(
    path: str | Path, option: str, *, max_bytes: int = SECRET_BYTES_MAX
) -> str:
    """Return the text of the file that *option* names, without blanks around it.

    Its group may read it, since that is how a container is handed a secret.

    Raises:
        SettingsError: It is not there, is empty, or others may read or change it.
    """
    text = read_private(path, option, refused=_CHANGED_OR_SEEN, max_bytes=max_bytes)
    if not text:
        raise SettingsError(f"{option} = {str(path)!r}: it holds no secret")
    return text


def read_private(
    path: str | Path,
    option: str,
    *,
    refused: int = stat.S_IRWXG | stat.S_IRWXO,
    max_bytes: int = SECRET_BYTES_MAX,
) -> str:
    """Return the text of a file, without blanks around it; it may be empty.

    Args:
        path: The file.
        option: That names it, for errors.
        refused: Bits of its mode that nobody else may have; as given nobody at all.
        max_bytes: How much it may hold.

    Raises:
        SettingsError: It is not there, is no text, or others may read or change it.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as exc:  # ValueError: a name no file can have
        why = exc.strerror if isinstance(exc, OSError) else exc
        raise SettingsError(f"{option} = {str(path)!r}: {why}") from exc
    if mode & refused:
        raise SettingsError(
            f"{option} = {str(path)!r}: other users may read or change it (mode "
            f"{stat.S_IMODE(mode):04o}); chmod 600 it, and make a new secret if they "
            "may have seen it"
        )
    try:
        text = content.decode().strip()
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{option} = {str(path)!r}: it is no text") from exc
    if len(content) > max_bytes:
        raise SettingsError(
            f"{option} = {str(path)!r}: it holds more than {max_bytes} bytes"
        )
    return text


def write_private(path: Path, text: str) -> None:
    """Write *text* for this user alone, whole or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
