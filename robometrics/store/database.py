"""The store as a whole: its collections, made once, and whether it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo.errors import CollectionInvalid, OperationFailure

from robometrics.errors import SettingsError
from robometrics.store import (
    batches,
    compaction,
    dead_letters,
    deeds,
    departed,
    events,
    evidence,
    fleet,
    forgetting,
    formats,
    gaps,
    inventory,
    leases,
    marks,
    retention,
    rollups,
    sessions,
    sizes,
    tallies,
    tokens,
    trials,
)
from robometrics.store.driver import Database, open_database
from robometrics.store.failures import translated
from robometrics.store.inspection import DatabaseState, inspect_database
from robometrics.store.rollups import pages, resolutions

_NAMESPACE_EXISTS = 48
_CLUSTERED = (
    batches.COLLECTION,
    batches.BLOCKS,
    tallies.COLLECTION,
    resolutions.PAGES,
    *resolutions.BLOCKS.values(),
)


class Store:
    """What the consumers write and the API reads. Use ``open_store``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.batches = batches.Batches(database)
        self.rollups = rollups.Rollups(database)
        self.tallies = tallies.Tallies(database)
        self.fleet = fleet.Fleet(database)
        self.events = events.EventLog(database)
        self.gaps = gaps.Gaps(database)
        self.inventory = inventory.Inventory(database)
        self.evidence = evidence.Evidence(database)
        self.dead_letters = dead_letters.DeadLetters(database)
        self.trials = trials.Trials(database)
        self.compactor = compaction.Compactor(database)
        self.retention = retention.Retention(database)
        self.departed = departed.Departed(database)
        self.forgetting = forgetting.Forgetting(database)
        self.marks = marks.MarkBook(database)
        self.sizes = sizes.Sizes(database)
        self.tokens = tokens.Tokens(database)
        self.sessions = sessions.Sessions(database)
        self.deeds = deeds.Deeds(database)

    def lease(self, work: str) -> leases.Lease:
        """Return who of many does *work*."""
        return leases.Lease(self._database, work)

    async def claim(self) -> None:
        """Check that this release may write here, and leave its mark.

        Raises:
            RetryLaterError: The database is away.
            SettingsError: A newer release has written there.
        """
        with translated():
            await formats.claim(self._database)

    async def prepare(self) -> None:
        """Create what is not there yet; safe to repeat, and in parallel.

        Raises:
            RetryLaterError: The database is away.
            SettingsError: Its URL is wrong, or a newer release has written there.
        """
        await self.claim()
        with translated():
            for name in _CLUSTERED:
                await self._create_clustered(name)
            indexes = (
                *batches.INDEXES,
                *fleet.INDEXES,
                *gaps.INDEXES,
                *tallies.INDEXES,
                *dead_letters.INDEXES,
                *tokens.INDEXES,
            )
            for name, key in indexes:
                await self._database[name].create_index(key)
            for name, key, options in pages.INDEXES:
                await self._database[name].create_index(key, **options)
            await self._database[trials.COLLECTION].create_index(
                "at", expireAfterSeconds=trials.KEPT_SECONDS
            )
            await self._database[sessions.COLLECTION].create_index(
                "expires_at", expireAfterSeconds=0
            )
            await self._create(deeds.COLLECTION, capped=True, size=deeds.BYTES_MAX)

    async def ping(self) -> None:
        """Check that the database answers.

        Raises:
            RetryLaterError: It does not.
        """
        with translated():
            await self._database.command("ping")

    async def inspect(self) -> DatabaseState:
        """Return what the database is, and what of it is not prepared.

        Raises:
            RetryLaterError: It is away.
        """
        return await inspect_database(self._database, list(_CLUSTERED))

    async def _create_clustered(self, name: str) -> None:
        await self._create(
            name,
            clusteredIndex={"key": {"_id": 1}, "unique": True},
            storageEngine={"wiredTiger": {"configString": "block_compressor=zstd"}},
        )

    async def _create(self, name: str, **options: Any) -> None:
        try:
            await self._database.create_collection(name, **options)
        except CollectionInvalid:
            return
        except OperationFailure as exc:
            if exc.code != _NAMESPACE_EXISTS:
                raise


@asynccontextmanager
async def open_store(url: str, database: str) -> AsyncIterator[Store]:
    """Yield the store in *database* at *url*; it does not wait for the server.

    Raises:
        SettingsError: *url* is wrong.
    """
    try:
        with translated():
            opened = open_database(url, database)
            found = await opened.__aenter__()
    except ValueError as exc:  # of a port, for one
        raise SettingsError(f"mongo_url: {exc}") from exc
    try:
        yield Store(found)
    finally:
        await opened.__aexit__(None, None, None)
