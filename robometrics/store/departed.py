"""What goes with the samples: accounts, events, letters, and rows of who is gone.

Tallies go when no raw sample of their host is kept any more that they could speak of;
events and rows when nothing at all is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime, timezone
from typing import Any

from pymongo import ASCENDING

from robometrics.keeping import SECONDS_PER_DAY, Policy, longest
from robometrics.schema import NS_PER_SECOND
from robometrics.store import dead_letters, tallies
from robometrics.store.batches import HOUR
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.kept import KEPT
from robometrics.store.keys import Series
from robometrics.store.marks import TALLIES, MarkBook
from robometrics.store.retention import PORTION, Deleted

EVENTS_MARGIN_SECONDS = SECONDS_PER_DAY
"""By so much events outlive everything: tallies name them, and may be about later."""

ROWS_MARGIN_SECONDS = 2 * SECONDS_PER_DAY + max(kept.align_seconds for kept in KEPT)
"""What is stored goes some time after it need not be kept, and its row after it."""


class Departed:
    """Deletes in one database what the samples leave behind."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._marks = MarkBook(database)

    async def apply(self, policy: Policy, now: int) -> AsyncGenerator[Deleted, None]:
        """Delete what nobody needs at slot *now*; to be called after ``Retention``.

        Raises:
            RetryLaterError: The database is away.
        """
        for host in await self._hosts():
            async for done in self._of_host(host, policy, now):
                yield done
        keep = policy.keep_seconds("raw", "", "", "", {})
        if keep is not None:
            old = {"at": {"$lt": _moment(now - keep)}}
            async for done in self._delete(dead_letters.COLLECTION, old, "at"):
                yield done

    async def _hosts(self) -> list[str]:
        """Return all hosts of which anything is here."""
        found: set[str] = set()
        with translated():
            for name in ("hosts", "events", tallies.COLLECTION):
                found.update(await self._database[name].distinct("host"))
        return sorted(found)

    async def _of_host(
        self, host: str, policy: Policy, now: int
    ) -> AsyncIterator[Deleted]:
        raw = policy.longest_seconds(host, resolutions=("raw",))
        if raw is not None:
            stop = max(now - raw, 0) // HOUR * HOUR
            old: dict[str, Any] = {"host": host, "from_slot": {"$lt": stop}}
            if await self._any(tallies.COLLECTION, old):
                await self._marks.set(Series(host, "host", ""), TALLIES, stop)
                order = "from_slot"
                async for done in self._delete(tallies.COLLECTION, old, order):
                    yield done
        everything = policy.longest_seconds(host)
        if everything is not None:
            at = _moment(now - everything - EVENTS_MARGIN_SECONDS)
            async for done in self._delete(
                "events", {"host": host, "at": {"$lt": at}}, "at"
            ):
                yield done
        yield await self._rows(host, policy, raw, now)

    async def _rows(
        self, host: str, policy: Policy, tallies_seconds: int | None, now: int
    ) -> Deleted:
        """Delete rows of which neither samples nor tallies are kept."""

        def before(kind: str | None, name: str = "") -> int:
            mine = policy.longest_seconds(host, kind, name)
            keep = longest([mine, tallies_seconds])
            return 0 if keep is None else now - keep - ROWS_MARGIN_SECONDS

        done = Deleted()
        with translated():
            mine = {"host": host}
            processes = await self._database["processes"].find(mine).to_list(None)
            gpus = await self._database["gpus"].find(mine).to_list(None)
        for row in processes:
            name = row["process"]
            slot = before("process", name)
            if row["first_slot"] >= slot:
                continue  # nor has it a run from before
            runs = mine | {"process": name, "last_slot": {"$lt": slot}}
            at_ns = {"$lt": slot * NS_PER_SECOND}
            never_seen = mine | {"process": name, "last_slot": {"$exists": False}}
            never_seen |= {"registered.at_ns": at_ns}
            with translated():
                for wanted in (runs, never_seen):
                    result = await self._database["runs"].delete_many(wanted)
                    done.documents += result.deleted_count
            series = Series(host, "process", name)
            done.documents += await self._row("processes", row, slot, series)
        for row in gpus:
            series = Series(host, "gpu", str(row["index"]))
            slot = before("gpu", series.name)
            done.documents += await self._row("gpus", row, slot, series)
        with translated():
            row = await self._database["hosts"].find_one(mine)
            rest = [
                await self._database[name].find_one(mine, {"_id": 1})
                for name in ("processes", "gpus")
            ]
        if row and not any(rest):
            slot, series = before(None), Series(host, "host", "")
            done.documents += await self._row("hosts", row, slot, series)
        return done

    async def _row(
        self, name: str, row: Mapping[str, Any], slot: int, series: Series
    ) -> int:
        """Delete a row last seen before *slot*, unless it was seen again meanwhile."""
        if row["last_slot"] >= slot:
            return 0
        with translated():
            result = await self._database[name].delete_one(
                {"_id": row["_id"], "last_slot": {"$lt": slot}}
            )
        if result.deleted_count:
            await self._marks.forget(series)
        return int(result.deleted_count)

    async def _any(self, name: str, wanted: Mapping[str, Any]) -> bool:
        with translated():
            found = await self._database[name].find_one(wanted, {"_id": 1})
        return found is not None

    async def _delete(
        self, name: str, wanted: Mapping[str, Any], order: str
    ) -> AsyncIterator[Deleted]:
        """Delete what is *wanted* and indexed by *order*, some at a time."""
        collection = self._database[name]
        while True:
            with translated():
                cursor = collection.find(wanted, {order: 1}).sort(order, ASCENDING)
                found = await cursor.limit(PORTION).to_list(None)
                if not found:
                    return
                last = {order: {"$lte": found[-1][order]}}
                both = {"$and": [wanted, last]}
                result = await collection.delete_many(both)
            yield Deleted(result.deleted_count)
            if len(found) < PORTION:
                return


def _moment(slot: int) -> datetime:
    return datetime.fromtimestamp(max(slot, 0), timezone.utc)
