"""Which documents a database holds: a mark that only grows, left by who writes there.

Most changes leave it alone, since documents tell their own version and fields are only
appended. It grows with a release whose documents an older one would spoil, not knowing.
"""

from __future__ import annotations

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from robometrics.errors import SettingsError
from robometrics.store.driver import Database

COLLECTION = "about"
FORMAT = 1
_ID = {"_id": "format"}


async def claim(database: Database) -> None:
    """Leave the mark of this release, unless a newer one did; change nothing else.

    Raises:
        SettingsError: A newer one did: this release must not write there.
    """
    collection = database[COLLECTION]
    try:
        found = await collection.find_one_and_update(
            _ID,
            {"$max": {"version": FORMAT}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
    except DuplicateKeyError:  # another one was faster
        found = await collection.find_one(_ID)
    if found["version"] > FORMAT:
        raise SettingsError(
            f"database {database.name} was written by a newer release (format "
            f"{found['version']}, this one knows {FORMAT}): start a server of that "
            "release, or choose another with --mongo-database"
        )
