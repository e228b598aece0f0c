"""Marks: before which slot retention may have deleted what.

A mark is written before anything is deleted, and never goes back. So whoever reads the
documents first and their mark then, never takes what was deleted for what was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from bson.binary import Binary

from robometrics.store.driver import Database, plain
from robometrics.store.failures import translated
from robometrics.store.fleet_changes import joined
from robometrics.store.keys import Series, series_digest

COLLECTION = "retained"
TALLIES = "tallies"
"""What it says of a host's series beside the resolutions."""

PAGES = "pages"
"""What it says of any: where it is not known any more what is folded."""

Before = Mapping[str, int]
"""First slot of what is left, by resolution; of what is not named, all is."""


class Marks(msgspec.Struct):
    """Those of one series."""

    series: Before = {}
    runs: Mapping[str, Before] = {}
    """Of runs that are kept for a shorter time than others."""

    def before(self, resolution: str, run: str = "") -> int:
        """Return the slot before which a resolution may be gone; 0: it is all there."""
        mine = self.runs.get(run, {}).get(resolution, 0)
        return max(self.series.get(resolution, 0), mine)

    def unknown_before(self, resolution: str, run: str = "") -> int:
        """Return the slot before which windows cannot be compared with batches."""
        return max(self.before(resolution, run), self.before(PAGES, run))

    def any_before(self, resolution: str) -> int:
        """Return the slot before which it may be gone of some run."""
        return max(self.before(resolution, run) for run in ("", *self.runs))


class MarkBook:
    """The marks in one database."""

    def __init__(self, database: Database) -> None:
        self._series = database[COLLECTION]
        self._runs = database["runs"]

    async def read(self, series: Series) -> Marks:
        """Return the marks of *series*.

        Raises:
            RetryLaterError: The database is away.
        """
        with translated():
            row = await self._series.find_one({"_id": Binary(series_digest(*series))})
            runs = {}
            if series.kind == "process":
                wanted = {
                    "host": series.host,
                    "process": series.name,
                    "deleted_before": {"$exists": True},
                }
                async for run in self._runs.find(wanted, {"run": 1, **_FIELD}):
                    runs[run["run"]] = _before(run)
        return Marks(_before(row or {}), runs)

    async def set(self, series: Series, what: str, slot: int) -> None:
        """Note that *what* of *series* may go before *slot*."""
        names = {"$setOnInsert": series._asdict()}
        with translated():
            await self._series.update_one(
                {"_id": Binary(series_digest(*series))},
                _raised(what, slot) | names,
                upsert=True,
            )

    async def set_run(self, series: Series, run: str, what: str, slot: int) -> None:
        """Note the same of one run, which has a row."""
        identity = joined(series.host, series.name, run)
        with translated():
            await self._runs.update_one({"_id": identity}, _raised(what, slot))

    async def set_searched(
        self, series: Series, run: str, collection: str, slot: int
    ) -> None:
        """Note that nothing of a run is left in a collection before *slot*."""
        identity = joined(series.host, series.name, run)
        change = {"$max": {f"searched_before.{collection}": slot}}
        with translated():
            await self._runs.update_one({"_id": identity}, change)

    async def forget(self, series: Series) -> None:
        """Delete the mark of a series of which nothing is left."""
        with translated():
            await self._series.delete_one({"_id": Binary(series_digest(*series))})


_FIELD = {"deleted_before": 1}


def _before(row: Mapping[str, Any]) -> Before:
    return {key: plain(slot) for key, slot in row.get("deleted_before", {}).items()}


def _raised(what: str, slot: int) -> dict[str, Any]:
    return {"$max": {f"deleted_before.{what}": slot}}
