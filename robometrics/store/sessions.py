"""Browser sessions: kept here, they outlive a server, and hold on each of many."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec
from bson.binary import Binary

from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.tokens import Scope

COLLECTION = "sessions"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser that logged in."""

    expires_at: datetime
    token_digest: bytes = b""
    """Of the token by which it did, with which it ends; empty: by a provider."""

    name: str = ""
    """Who logged in by a provider; empty: see the token."""

    scope: Scope = "read"
    """What they may do; the same."""


class Sessions:
    """The sessions in one database, by the hash of what the browser keeps."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def begin(self, digest: bytes, session: Session) -> None:
        """Keep *session*.

        Raises:
            RetryLaterError: The database is away.
        """
        document: dict[str, Any] = {
            "_id": Binary(digest),
            "token_digest": Binary(session.token_digest),
            "name": session.name,
            "scope": session.scope,
            "created_at": datetime.now(timezone.utc),
            "expires_at": session.expires_at,
        }
        with translated():
            await self._collection.insert_one(document)

    async def find(self, digest: bytes) -> Session | None:
        """Return the session, expired or not: the database is late to drop them."""
        with translated():
            found = await self._collection.find_one({"_id": Binary(digest)})
        if found is None:
            return None
        return Session(
            expires_at=found["expires_at"],
            token_digest=bytes(found["token_digest"]),
            name=found["name"],
            scope=found["scope"],
        )

    async def end(self, digest: bytes) -> None:
        """Forget it."""
        with translated():
            await self._collection.delete_one({"_id": Binary(digest)})

    async def end_of(self, name: str) -> int:
        """Forget all that *name* began by a provider; return how many."""
        if not name:  # by a token, with which it ends
            return 0
        with translated():
            done = await self._collection.delete_many({"name": name})
        return int(done.deleted_count)
