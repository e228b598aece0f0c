"""Translate the driver's errors into what the caller can do about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    PyMongoError,
)

from robometrics.errors import RetryLaterError, SettingsError

DUPLICATE_KEY = 11000
PERMANENT_ERRORS = frozenset({2, 9, 14, 52, 121, 10334})
"""BadValue, FailedToParse, TypeMismatch, DollarPrefixedFieldName,
DocumentValidationFailure, BSONObjectTooLarge: of the document itself. All others may
pass, such as a full disk."""


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


def require_duplicates(exc: BulkWriteError) -> list[int]:
    """Return the positions of the failed writes, whose documents are there already.

    Raises:
        RetryLaterError: Some write failed for another reason.
    """
    failed = failed_operations(exc)
    for error in failed.values():
        if error["code"] != DUPLICATE_KEY:
            raise RetryLaterError(f"MongoDB: {error.get('errmsg')}") from exc
    return list(failed)
