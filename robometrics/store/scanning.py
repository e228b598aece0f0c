"""Look at each series of a clustered collection, without reading all of it.

Documents lie by series and then by time: so the oldest one of each is found by jumping
from series to series, and what is too old lies in one piece.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pymongo import ASCENDING

from robometrics.store.failures import translated
from robometrics.store.keys import SLOT_STOP, document_id, series_of

_LAST_RUN = b"\xff" * 8


async def oldest_of_each(
    collection: Any, fields: Mapping[str, int]
) -> AsyncIterator[dict[str, Any]]:
    """Yield the oldest document of each series, with *fields* of it.

    Raises:
        RetryLaterError: The database is away.
    """
    document = await oldest(collection, {}, fields)
    while document is not None:
        yield document
        last = document_id(series_of(document["_id"]), SLOT_STOP, _LAST_RUN)
        document = await oldest(collection, {"_id": {"$gt": last}}, fields)


async def oldest(
    collection: Any, wanted: Mapping[str, Any], fields: Mapping[str, int]
) -> dict[str, Any] | None:
    """Return the first document by id of those *wanted*.

    Raises:
        RetryLaterError: The database is away.
    """
    with translated():
        cursor = collection.find(wanted, fields).sort("_id", ASCENDING).limit(1)
        found: list[dict[str, Any]] = await cursor.to_list(1)
    return found[0] if found else None
