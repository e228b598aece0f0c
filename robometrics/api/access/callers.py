"""Who asks: found by the token in a header, or by the session in a cookie."""

from __future__ import annotations

import time
from collections import OrderedDict
from datetime import datetime, timezone
from typing import NamedTuple

import msgspec

from robometrics.errors import NotLoggedInError
from robometrics.store import Store
from robometrics.tokens import Scope, digest_of

COOKIE = "robometrics"
SECURE_COOKIE = "__Host-robometrics"
"""Its name over https: browsers then let no other host, and no plain http, set it."""

KNOWN_SECONDS = 2.0
"""For how long a server believes what the database said: revoking takes no longer."""

_KNOWN_MAX = 10_000
_SECRET_LETTERS_MAX = 200


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose scope is known."""

    name: str
    """Of the token; empty: nobody has to log in."""

    scope: Scope
    digest: bytes = b""
    """Of what was shown: the token, or the session."""

    is_session: bool = False
    expires_at: datetime | None = None


NOBODY = Caller(name="", scope="control")
"""Whoever asks where nobody has to log in. Tokens are not made by one of these."""


class Shown(NamedTuple):
    """What a request shows for itself."""

    secret: str
    is_session: bool


class Callers:
    """The callers of this server, as the database knows them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def is_known(self, shown: Shown) -> bool:
        """Tell whether it was let in lately: such a one is no attacker."""
        return digest_of(shown.secret) in self._known

    async def identify(self, shown: Shown) -> Caller:
        """Return who shows this.

        Raises:
            NotLoggedInError: Nobody has it, or had; it does not say which.
            RetryLaterError: The database is away.
        """
        if len(shown.secret) > _SECRET_LETTERS_MAX:
            raise NotLoggedInError(_REFUSED)
        return await self._find(digest_of(shown.secret), is_session=shown.is_session)

    async def again(self, caller: Caller) -> Caller:
        """Return the same one, if it still is who it was; raises as ``identify``."""
        return await self._find(caller.digest, is_session=caller.is_session)

    async def _find(self, digest: bytes, *, is_session: bool) -> Caller:
        at, caller = self._known.get(digest, (0.0, None))
        if caller is None or time.monotonic() - at > KNOWN_SECONDS:
            caller = await self._ask(digest, is_session=is_session)
        if (
            caller is None
            or caller.is_session != is_session
            or is_over(caller.expires_at)
        ):
            self.forget(digest)
            raise NotLoggedInError(_REFUSED)
        return caller

    def forget(self, digest: bytes) -> None:
        """Ask the database about it again, next time."""
        self._known.pop(digest, None)

    async def _ask(self, digest: bytes, *, is_session: bool) -> Caller | None:
        find = self._of_session if is_session else self._of_token
        caller = await find(digest)
        if caller is None:
            return None
        self._known[digest] = time.monotonic(), caller
        self._known.move_to_end(digest)
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)
        return caller

    async def _of_token(self, digest: bytes) -> Caller | None:
        token = await self._store.tokens.find(digest)
        if token is None:
            return None
        return Caller(
            name=token.name,
            scope=token.scope,
            digest=digest,
            expires_at=token.expires_at,
        )

    async def _of_session(self, digest: bytes) -> Caller | None:
        session = await self._store.sessions.find(digest)
        if session is None:
            return None
        name, scope, ends = session.name, session.scope, [session.expires_at]
        if session.token_digest:
            token = await self._of_token(session.token_digest)
            if token is None:
                return None
            name, scope = token.name, token.scope
            ends += [token.expires_at] if token.expires_at is not None else []
        return Caller(
            name=name,
            scope=scope,
            digest=digest,
            is_session=True,
            expires_at=min(ends),
        )


_REFUSED = "this token or session is not known, has expired, or was revoked"


def is_over(expires_at: datetime | None) -> bool:
    """Tell whether that time has come, by the clock of this host."""
    return expires_at is not None and expires_at <= datetime.now(timezone.utc)
