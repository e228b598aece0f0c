"""Messages no redelivery can mend, kept with their reason for an operator."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from hashlib import blake2b

import msgspec
from bson.binary import Binary
from pymongo import DESCENDING
from pymongo.errors import BulkWriteError

from robometrics.store.driver import Database
from robometrics.store.failures import require_duplicates, translated

COLLECTION = "dead_letters"
INDEXES = ((COLLECTION, [("at", DESCENDING)]),)


class DeadLetter(msgspec.Struct, kw_only=True):
    """One message that was taken out of the stream unread."""

    stream_sequence: int
    consumer: str
    subject: str
    reason: str
    data: bytes


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
        if not documents:
            return
        with translated():
            try:
                await self._collection.insert_many(documents, ordered=False)
            except BulkWriteError as exc:
                require_duplicates(exc)

    async def count(self) -> int:
        with translated():
            return int(await self._collection.count_documents({}))

    async def latest(self, limit: int) -> list[DeadLetter]:
        """Return the newest letters, newest first."""
        with translated():
            cursor = self._collection.find({}).sort("at", DESCENDING).limit(limit)
            return [
                DeadLetter(
                    stream_sequence=document["stream_sequence"],
                    consumer=document["consumer"],
                    subject=document["subject"],
                    reason=document["reason"],
                    data=bytes(document["data"]),
                )
                async for document in cursor
            ]


def _id(letter: DeadLetter) -> str:
    """Return the same id for every delivery; a stream made anew counts from 1 again."""
    digest = blake2b(letter.data, digest_size=8).hexdigest()
    return f"{letter.consumer}:{letter.stream_sequence}:{digest}"
