"""API tokens: their names, scopes and hashes; never the tokens themselves."""

from __future__ import annotations

import hmac
from datetime import datetime, timezone
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from robometrics.errors import BadRequestError
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.tokens import Scope

COLLECTION = "tokens"
INDEXES = ((COLLECTION, [("digest", ASCENDING)]),)
TOKENS_MAX = 1_000


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one token."""

    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None
    """``None``: it holds until it is revoked."""


class Tokens:
    """The tokens in one database."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def add(
        self, name: str, scope: Scope, digest: bytes, expires_at: datetime | None
    ) -> Token:
        """Let whoever has the token of *digest* do what *scope* allows.

        Raises:
            BadRequestError: There is one of this name, or there are too many.
            RetryLaterError: The database is away.
        """
        token = Token(
            name=name,
            scope=scope,
            created_at=datetime.now(timezone.utc),
            expires_at=expires_at,
        )
        document = msgspec.structs.asdict(token)
        document["_id"] = document.pop("name")
        with translated():
            if await self._collection.count_documents({}) >= TOKENS_MAX:
                raise BadRequestError(
                    "name", f"there are {TOKENS_MAX} tokens: revoke some"
                )
            try:
                await self._collection.insert_one(document | {"digest": Binary(digest)})
            except DuplicateKeyError:
                problem = f"there is a token {name!r}: revoke it, or choose another"
                raise BadRequestError("name", problem) from None
        return token

    async def find(self, digest: bytes) -> Token | None:
        """Return the token of *digest*, expired or not.

        Raises:
            RetryLaterError: The database is away.
        """
        with translated():
            found = await self._collection.find_one({"digest": Binary(digest)})
        # An index is no place for constant time; what was hashed tells nothing, though.
        if found is None or not hmac.compare_digest(found["digest"], digest):
            return None
        return _from_document(found)

    async def all(self) -> list[Token]:
        """Return them all, by name."""
        with translated():
            cursor = self._collection.find({}, {"digest": 0}).sort("_id", ASCENDING)
            return [_from_document(each) async for each in cursor]

    async def revoke(self, name: str) -> bool:
        """Let nobody in by this token any more; return whether there was one."""
        with translated():
            done = await self._collection.delete_one({"_id": name})
        return bool(done.deleted_count)


def _from_document(document: dict[str, Any]) -> Token:
    return Token(
        name=document["_id"],
        scope=document["scope"],
        created_at=document["created_at"],
        expires_at=document["expires_at"],
    )
