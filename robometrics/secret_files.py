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


def read_secret(
    path: str | Path, option: str, *, max_bytes: int = SECRET_BYTES_MAX
) -> str:
    """Return the text of the file that *option* names, without blanks around it.

    Its group may read it, since that is how a container is handed a secret.

    Raises:
        SettingsError: It is not there, is empty, or others may read or change it.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(max_bytes + 1)
    except OSError as exc:
        raise SettingsError(f"{option} = {str(path)!r}: {exc.strerror}") from exc
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SettingsError(
            f"{option} = {str(path)!r}: other users may read or change it (mode "
            f"{stat.S_IMODE(mode):04o}); chmod 600 it, and make a new secret if they "
            "may have seen it"
        )
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > max_bytes:
        raise SettingsError(
            f"{option} = {str(path)!r}: it holds no secret, or more than "
            f"{max_bytes} bytes"
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
