"""API tokens: how they look, what is kept of them, and where programs have theirs from.

A token is 256 random bits. Nobody can go through so many, and no list of words has
them: one SHA-256 is as safe to keep as what slow hashes make of short passwords, and
costs a request nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from typing import Literal, get_args

from robometrics.errors import NotLoggedInError, SettingsError
from robometrics.secret_files import read_private

TOKEN_ENV = "ROBOMETRICS_TOKEN"  # noqa: S105  the name of a variable
USUAL_FILE = "~/.config/robometrics/token"
"""Read if nothing else is said; below ``XDG_CONFIG_HOME``, where that is set."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z"
"""What a token may be called."""

EXPIRES_SECONDS_MAX = 10 * 366 * 86_400
"""Ten years; what is to hold longer does not expire."""

Scope = Literal["read", "control", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each includes those before it."""

_PREFIX = "rbm_"
"""By which people, and programs that look for secrets, know a token."""

_TOKEN = re.compile(_PREFIX + r"[A-Za-z0-9_-]{43}")
_SECRET_BYTES = 32


def make_token() -> str:
    """Return a new token."""
    return _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(secret: str) -> bytes:
    """Return what is kept of a token or of a session: 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


def has_token(text: str) -> bool:
    """Tell whether a token stands somewhere in *text*, where it should not."""
    return _TOKEN.search(text) is not None


def covers(held: Scope, needed: Scope) -> bool:
    """Tell whether whoever may do *held* may do *needed* too."""
    return SCOPES.index(held) >= SCOPES.index(needed)


def read_token(path: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the token of this program; empty if it was given none.

    It is never an argument: every user of a host sees the arguments of all programs.

    Args:
        path: A file that holds it; empty: the usual one, if it is there.
        environ: The environment, whose ``ROBOMETRICS_TOKEN`` wins, and which says
            where the usual file is.

    Raises:
        SettingsError: The file cannot be read, others can read it, or what is found is
            no token. The message does not repeat what was found.
    """
    environ = os.environ if environ is None else environ
    where, token = TOKEN_ENV, environ.get(TOKEN_ENV, "").strip()
    path = path or _usual_file(environ)
    if not token and path:
        where, token = path, read_private(path, "token_file")
    if token and not _TOKEN.fullmatch(token):
        raise SettingsError(
            f"what {where} holds is no token: they begin with {_PREFIX} and are made "
            "by robometrics token create"
        )
    return token


def _usual_file(environ: Mapping[str, str]) -> str:
    """Return where this user's token is; empty if nowhere."""
    home = environ.get("HOME", "")
    base = environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
    path = f"{base}/robometrics/token"
    return path if base and os.path.lexists(path) else ""


def headers_of(token: str) -> dict[str, str]:
    """Return what a request shows; nothing without a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def not_let_in(api_url: str, token: str) -> NotLoggedInError:
    """Return the error of a program that a server does not let in."""
    if token:
        why = "does not know this token; it has expired, or was revoked"
    else:
        why = "wants a token"
    return NotLoggedInError(
        f"{api_url} {why}: have somebody make one with robometrics token create, and "
        f"put it into {TOKEN_ENV}, or into a file of mode 0600: {USUAL_FILE}, or what "
        f"{TOKEN_ENV}_FILE or --token-file names"
    )
