"""Messages no redelivery can mend, kept with their reason for an operator."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import ASCENDING, DESCENDING

from robometrics.errors import BadRequestError
from robometrics.store.driver import Database, plain
from robometrics.store.failures import insert_new, translated
from robometrics.store.keys import message_key

COLLECTION = "dead_letters"
INDEXES = ((COLLECTION, [("at", DESCENDING)]),)
_STARS_MAX = 10


class DeadLetter(msgspec.Struct, kw_only=True):
    """One message that was taken out of the stream unread."""

    stream_sequence: int
    consumer: str
    subject: str
    reason: str
    data: bytes


class KeptLetter(DeadLetter, kw_only=True):
    """One letter as the database has it."""

    id: str
    at: datetime
    """When it was set aside."""


class DeadLetters:
    """The dead letters in one database."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters*; one that is there already is left as it is.

        Raises:
            RetryLaterError: Some may not be kept; insert them all again.
        """
        now = datetime.now(timezone.utc)
        documents = [
            {
                "_id": _id(letter),
                "at": now,
                "consumer": letter.consumer,
                "stream_sequence": letter.stream_sequence,
                "subject": letter.subject,
                "reason": letter.reason,
                "data": Binary(letter.data),
            }
            for letter in letters
        ]
        await insert_new(self._collection, documents)

    async def count(self) -> int:
        with translated():
            return int(await self._collection.count_documents({}))

    async def estimate(self) -> int:
        """Return about how many there are, at once however many there are."""
        with translated():
            return int(await self._collection.estimated_document_count())

    async def latest(
        self, limit: int, *, consumer: str | None = None, subject: str | None = None
    ) -> list[KeptLetter]:
        """Return the newest letters, newest first.

        Args:
            limit: How many at most.
            consumer: Only of this one.
            subject: Only on subjects like this, with ``*`` and ``?`` as in a shell.

        Raises:
            BadRequestError: *subject* is no pattern.
        """
        wanted: dict[str, Any] = {}
        if consumer is not None:
            wanted["consumer"] = consumer
        if subject is not None:
            wanted["subject"] = {"$regex": _regex(subject), "$options": "s"}
        with translated():
            cursor = self._collection.find(wanted).sort("at", DESCENDING).limit(limit)
            return [_from_document(document) async for document in cursor]

    async def ids(self) -> list[str]:
        """Return the ids of all letters, oldest first."""
        with translated():
            cursor = self._collection.find({}, {"_id": 1}).sort("at", ASCENDING)
            return [document["_id"] async for document in cursor]

    async def get(self, letter_id: str) -> KeptLetter | None:
        with translated():
            found = await self._collection.find_one({"_id": letter_id})
        return None if found is None else _from_document(found)

    async def remove(self, letter_id: str) -> bool:
        """Remove one letter; return whether it was there."""
        with translated():
            done = await self._collection.delete_one({"_id": letter_id})
        return bool(done.deleted_count)


def _from_document(document: dict[str, Any]) -> KeptLetter:
    return KeptLetter(
        id=document["_id"],
        at=document["at"],
        stream_sequence=plain(document["stream_sequence"]),
        consumer=document["consumer"],
        subject=document["subject"],
        reason=document["reason"],
        data=bytes(document["data"]),
    )


def _regex(pattern: str) -> str:
    """Return a regular expression in which only ``*`` and ``?`` mean anything.

    Raises:
        BadRequestError: It has too many ``*`` to be matched quickly, or is not text.
    """
    try:
        pattern.encode()
    except UnicodeEncodeError as exc:
        raise BadRequestError("subject", "not valid Unicode") from exc
    if pattern.count("*") > _STARS_MAX:
        raise BadRequestError("subject", f"at most {_STARS_MAX} times *")
    meaning = {"*": ".*", "?": "."}
    return "^" + "".join(meaning.get(c, f"\\x{{{ord(c):x}}}") for c in pattern) + "\\z"


def _id(letter: DeadLetter) -> str:
    return message_key(letter.consumer, letter.stream_sequence, letter.data)
