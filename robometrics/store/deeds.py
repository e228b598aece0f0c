"""Who did what when: logins, tokens made and revoked, hosts that were told something.

Its size is bounded: the oldest go first. Nothing in it is secret.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Literal

import msgspec
from pymongo import DESCENDING

from robometrics.store.driver import Database
from robometrics.store.failures import translated

COLLECTION = "deeds"
BYTES_MAX = 16 << 20
"""Some ten thousands of them."""

_LETTERS_MAX = 300

What = Literal[
    "login",
    "login_refused",
    "logout",
    "token_created",
    "token_revoked",
    "burst",
    "interval",
    "forbidden",
]


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did, or tried."""

    who: str
    """Name of a token, ``user@host`` of who ran a command; empty: not known."""

    address: str
    """Where the request came from; empty: a command on the database itself."""

    what: What
    about: str = ""
    """A host, a process, a token's name."""

    at: datetime = msgspec.field(default_factory=lambda: datetime.now(timezone.utc))


class Deeds:
    """The deeds in one database."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def note(self, deed: Deed) -> None:
        """Keep *deed*.

        Raises:
            RetryLaterError: The database is away.
        """
        document = {
            key: value[:_LETTERS_MAX] if isinstance(value, str) else value
            for key, value in msgspec.structs.asdict(deed).items()
        }
        with translated():
            await self._collection.insert_one(document)

    async def latest(self, limit: int) -> list[Deed]:
        """Return the newest, newest first."""
        with translated():
            cursor = self._collection.find({}, {"_id": 0})
            cursor = cursor.sort("$natural", DESCENDING).limit(limit)
            return [_from_document(each) async for each in cursor]


def _from_document(document: dict[str, Any]) -> Deed:
    return msgspec.convert(document, Deed)
