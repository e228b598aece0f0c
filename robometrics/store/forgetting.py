"""Delete everything of some hosts at once: of simulated ones, which never come back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from robometrics.store import batches, marks, tallies
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.keys import SLOT_STOP, Series, id_range, series_digest
from robometrics.store.rollups import resolutions

_BY_SERIES = (
    *(batches.COLLECTION, batches.BLOCKS, resolutions.PAGES),
    *resolutions.BLOCKS.values(),
)
_BY_HOST = ("events", tallies.COLLECTION, marks.COLLECTION, "runs")
_ROWS = ("processes", "gpus", "hosts")
"""Last, as they tell what there is to delete: who is interrupted can begin again."""

_AT_ONCE = 16


class Forgotten(NamedTuple):
    """A host of which nothing is left."""

    host: str
    documents: int


class Forgetting:
    """Deletes hosts in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, prefix: str) -> AsyncIterator[Forgotten]:
        """Delete all hosts whose names begin with *prefix*, and yield each.

        What is still in the stream comes back: let the consumers finish first.

        Raises:
            RetryLaterError: The database is away; what is left can be deleted later.
        """
        wanted = {"host": {"$regex": f"^{re.escape(prefix)}"}}
        with translated():
            hosts = await self._database["hosts"].distinct("host", wanted)
            by_series = [
                name
                for name in _BY_SERIES
                if await self._database[name].estimated_document_count()
            ]
        for host in hosts:
            yield Forgotten(host, await self._forget(host, by_series))

    async def _forget(self, host: str, by_series: list[str]) -> int:
        whose = {"host": host}
        with translated():
            processes = await self._database["processes"].find(whose).to_list(None)
            gpus = await self._database["gpus"].find(whose).to_list(None)
        series = [
            Series(host, "host", ""),
            *(Series(host, "process", row["process"]) for row in processes),
            *(Series(host, "gpu", str(row["index"])) for row in gpus),
        ]
        everything: list[tuple[str, dict[str, Any]]] = [
            (name, {"_id": id_range(series_digest(*each), 0, SLOT_STOP)})
            for name in by_series
            for each in series
        ]
        everything += [(name, whose) for name in _BY_HOST]
        documents = 0
        for start in range(0, len(everything), _AT_ONCE):
            some = everything[start : start + _AT_ONCE]
            documents += sum(
                await asyncio.gather(*(self._delete(*one) for one in some))
            )
        for name in _ROWS:
            documents += await self._delete(name, whose)
        return documents

    async def _delete(self, name: str, wanted: dict[str, Any]) -> int:
        with translated():
            result = await self._database[name].delete_many(wanted)
        return int(result.deleted_count)
