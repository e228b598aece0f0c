"""Translate the driver's errors into what the caller can do about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    PyMongoError,
)

from robometrics.errors import RetryLaterError, SettingsError

DUPLICATE_KEY = 11000
PERMANENT_ERRORS = frozenset({2, 9, 14, 52, 121, 10334, 17419})
"""BadValue, FailedToParse, TypeMismatch, DollarPrefixedFieldName,
DocumentValidationFailure, BSONObjectTooLarge, and an update that makes it so: of the
document itself. All others may pass, such as a full disk."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into ``RetryLaterError``; a wrong URL into ``SettingsError``.

    A full disk, a lost primary, a time-out: each may pass, and every write here is
    safe to repeat.
    """
    try:
        yield
    except (InvalidURI, ConfigurationError) as exc:
        raise SettingsError(f"mongo_url: {exc}") from exc
    except PyMongoError as exc:
        raise RetryLaterError(f"MongoDB: {str(exc)[:300]}") from exc


def failed_operations(exc: BulkWriteError) -> dict[int, dict[str, Any]]:
    """Return the failed operations of a bulk write by their position.

    Raises:
        RetryLaterError: Some write was not confirmed by a majority.
    """
    if problems := exc.details.get("writeConcernErrors"):
        raise RetryLaterError(f"MongoDB: not confirmed: {problems[0]}") from exc
    return {error["index"]: error for error in exc.details.get("writeErrors", [])}


async def insert_new(collection: Any, documents: Sequence[dict[str, Any]]) -> None:
    """Insert *documents*; those whose ids are there already are left as they are.

    Raises:
        RetryLaterError: Some may not be stored; insert them all again.
    """
    if not documents:
        return
    with translated():
        try:
            await collection.insert_many(documents, ordered=False)
        except BulkWriteError as exc:
            require_duplicates(exc)


class SortedFailures(NamedTuple):
    """What became of the failed operations of a bulk write, by position."""

    duplicates: list[int]
    """Met a document that was there already."""

    refused: dict[int, str]
    """Will never be taken, with the reason."""


def sort_failures(exc: BulkWriteError) -> SortedFailures:
    """Tell repeats and hopeless operations apart.

    Raises:
        RetryLaterError: Some operation failed in a way that may pass.
    """
    found = SortedFailures([], {})
    for index, error in failed_operations(exc).items():
        if error["code"] == DUPLICATE_KEY:
            found.duplicates.append(index)
        elif error["code"] in PERMANENT_ERRORS:
            found.refused[index] = str(error.get("errmsg", ""))[:300]
        else:
            raise RetryLaterError(f"MongoDB: {error.get('errmsg')}") from exc
    return found


def require_duplicates(exc: BulkWriteError) -> list[int]:
    """Return the positions of the failed writes, whose documents are there already.

    Raises:
        RetryLaterError: Some write failed for another reason.
    """
    found = sort_failures(exc)
    for reason in found.refused.values():
        raise RetryLaterError(f"MongoDB: {reason}") from exc
    return found.duplicates
