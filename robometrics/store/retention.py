"""Retention: what is older than it is to be kept is deleted, a range at a time.

Documents lie by series and then by time, so what is too old of a series is one range
of ids. Runs whose tags have them kept for a shorter time than others of their process
are looked for in the part of the series in which they lived.

Any number may delete at once, and die at any moment. What comes too late is stored like
everything else, and is deleted in a later round.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import msgspec
from pymongo import ASCENDING

from robometrics.keeping import SECONDS_PER_DAY, Policy, longest
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.kept import KEPT, Kept
from robometrics.store.keys import Series, id_range, series_digest, time_of
from robometrics.store.marks import MarkBook
from robometrics.store.scanning import oldest, oldest_of_each

PORTION = 500
"""Documents deleted at once: the more, the longer others wait."""

LOOKS = 100
"""Series or runs looked at in one step; each takes less than a millisecond."""

LATE_SECONDS = 30 * SECONDS_PER_DAY
"""How far behind what was searched of a run it is searched again for what came late:
all documents of others that lie between have to be read."""

_WHOSE = {"host": 1, "kind": 1, "name": 1}


class Deleted(msgspec.Struct):
    """What was done in one step; nothing, if it was only looked."""

    documents: int = 0


class _Run(msgspec.Struct):
    """One run, as its row has it."""

    run: str
    keep_seconds: int | None
    first_slot: int
    last_slot: int
    searched_before: int
    """In this collection: nothing older is left but what came since."""


class Retention:
    """Deletes in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs = database["runs"]
        self._marks = MarkBook(database)

    async def apply(self, policy: Policy, now: int) -> AsyncGenerator[Deleted, None]:
        """Delete what *policy* does not keep at slot *now*; yield after each step.

        Raises:
            RetryLaterError: The database is away.
        """
        for kept in KEPT:
            collection = self._database[kept.collection]
            looked = 0
            async for first in oldest_of_each(collection, _WHOSE):
                looked += 1
                if not looked % LOOKS:
                    yield Deleted()
                series = Series(first["host"], first["kind"], first["name"])
                at = time_of(first["_id"])
                async for done in self._of_series(kept, series, policy, now, at):
                    yield done

    async def _of_series(
        self, kept: Kept, series: Series, policy: Policy, now: int, first: int
    ) -> AsyncIterator[Deleted]:
        """Delete of one series, whose oldest document begins at *first*."""
        runs = await self._runs_of(kept, series, policy)
        untagged = kept.keep_seconds(policy, series, {})
        whole = longest([untagged, *(run.keep_seconds for run in runs)])
        digest = series_digest(*series)
        if whole is not None and _is_due(kept, whole, now, first):
            stop = _stop(kept, whole, now)
            await self._marks.set(series, kept.what, stop)
            async for done in self._delete(kept, digest, 0, stop):
                yield done
        for looked, run in enumerate(runs, 1):
            if not looked % LOOKS:
                yield Deleted()
            keep = run.keep_seconds
            if keep is None or (whole is not None and keep >= whole):
                continue
            async for done in self._of_run(kept, series, run, _stop(kept, keep, now)):
                yield done

    async def _of_run(
        self, kept: Kept, series: Series, run: _Run, border: int
    ) -> AsyncIterator[Deleted]:
        """Delete of one run what begins before *border*, between that of others."""
        if border - run.searched_before < _slack_seconds(run.keep_seconds or 0):
            return
        # It may have begun in the middle of a document; its row is a bit behind.
        start = run.first_slot - kept.align_seconds
        start = max(start, run.searched_before - LATE_SECONDS)
        stop = min(border, run.last_slot + kept.align_seconds)
        if stop <= start:
            return
        digest = series_digest(*series)
        mine = {"_id": id_range(digest, start, stop), "run": run.run}
        mine |= kept.only
        if await oldest(self._database[kept.collection], mine, {"_id": 1}):
            await self._marks.set_run(series, run.run, kept.what, border)
            async for done in self._delete(kept, digest, start, stop, run.run):
                yield done
        await self._marks.set_searched(series, run.run, kept.collection, border)

    async def _runs_of(self, kept: Kept, series: Series, policy: Policy) -> list[_Run]:
        """Return the runs of *series*, if it matters which tags they have."""
        if not policy.asks_for_tags(*series):
            return []
        wanted = {
            "host": series.host,
            "process": series.name,
            "first_slot": {"$exists": True},
        }
        found = []
        with translated():
            async for row in self._runs.find(wanted):
                tags: Mapping[str, str] = row.get("registered", {}).get("tags", {})
                searched: Mapping[str, int] = row.get("searched_before", {})
                found.append(
                    _Run(
                        row["run"],
                        kept.keep_seconds(policy, series, tags),
                        row["first_slot"],
                        row["last_slot"],
                        searched.get(kept.collection, 0),
                    )
                )
        return found

    async def _delete(
        self, kept: Kept, digest: bytes, start: int, stop: int, run: str = ""
    ) -> AsyncIterator[Deleted]:
        """Delete what begins in ``[start, stop)``, of one run if it is given."""
        collection = self._database[kept.collection]
        span: dict[str, Any] = id_range(digest, start, stop)
        only = {**kept.only, **({"run": run} if run else {})}
        while True:
            with translated():
                cursor = collection.find({"_id": span, **only}, {"_id": 1})
                found = await cursor.sort("_id", ASCENDING).limit(PORTION).to_list(None)
                if not found:
                    return
                first, last = found[0]["_id"], found[-1]["_id"]
                portion = {"_id": {"$gte": first, "$lte": last}, **only}
                result = await collection.delete_many(portion)
            yield Deleted(result.deleted_count)
            if len(found) < PORTION:
                return
            span = {"$gt": last, "$lt": span["$lt"]}


def _stop(kept: Kept, keep_seconds: int, now: int) -> int:
    """Return where what is kept begins: at a border that no document crosses."""
    oldest_kept = max(now - keep_seconds, 0)
    return oldest_kept - oldest_kept % kept.align_seconds


def _is_due(kept: Kept, keep_seconds: int, now: int, first: int) -> bool:
    """Tell whether what begins at *first* is so old that it is worth a deletion."""
    return first < _stop(kept, keep_seconds, now) - _slack_seconds(keep_seconds)


def _slack_seconds(keep_seconds: int) -> int:
    """Return how much longer something may stay: so deletions are few and large."""
    return min(keep_seconds // 20, SECONDS_PER_DAY)
