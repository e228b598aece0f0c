"""Read the database as an outsider would: directly, with pymongo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pymongo
from faults import rollup_truth, truth
from faults.journal import Fed, read_journal
from faults.stack import DATABASE, HOST, Stack
from pymongo.errors import PyMongoError

from robometrics.store.keys import Series, id_range, series_digest

_RECENT = 200  # batches; more than a clock is ever set back by here


class Reading:
    """A client of its own on the database of *stack*, past every proxy."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._client: pymongo.MongoClient[Any] = pymongo.MongoClient(
            stack.mongo_url, serverSelectionTimeoutMS=1_000, tz_aware=True
        )
        self._database = self._client[DATABASE]

    def close(self) -> None:
        self._client.close()

    def newest_stored(self, process: str) -> int:
        """Return the newest value of *process* among its latest batches, 0 if none."""
        newest = 0
        for batch in truth.read_batches(self._latest("batches", process)):
            newest = max(newest, *truth.known_values(batch, "cpu_time_ns"))
        return newest

    def newest_folded(self, process: str) -> int:
        """Return the newest value of *process* in its windows of a minute."""
        found = rollup_truth.runs(
            self._latest("rollup_pages", process),
            self._latest("rollups_1m", process),
            "1m",
        )
        highs = [int(max(run.metrics["cpu_time_ns"].high)) for run in found]
        return max(highs, default=0)

    def batches_stored(self) -> int:
        return self._database["batches"].estimated_document_count()

    def dead_letters(self) -> int:
        return int(self._database["dead_letters"].count_documents({}))

    def fed(self) -> dict[str, Fed]:
        """Return what was fed so far, by process."""
        by_pid = read_journal(self._stack.journal)
        return {self._stack.names[pid]: fed for pid, fed in by_pid.items()}

    def account(self) -> truth.Account:
        """Compare all that was fed with all that is stored, now."""
        fed = self.fed()
        batches = self._batches()
        gaps = truth.gaps(self._database, HOST)
        return truth.compare(fed, truth.stored_values(batches), gaps)

    def rollup_differences(self) -> list[str]:
        return rollup_truth.differences(self._database, self._batches(), HOST)

    def untold_slots(self) -> list[int]:
        return truth.untold_slots(self.fed(), truth.gaps(self._database, HOST))

    def _batches(self) -> list[truth.Document]:
        """Return all batches; one that is moved meanwhile may be there twice."""
        return [
            batch
            for collection in ("batches", "blocks")
            for batch in truth.read_batches(
                self._database[collection].find({"host": HOST})
            )
        ]

    def _latest(self, collection: str, process: str) -> list[Mapping[str, Any]]:
        series = series_digest(*Series(HOST, "process", process))
        wanted = {"_id": id_range(series, 0, 2**32 - 1)}
        try:
            found = self._database[collection].find(wanted).sort("_id", -1)
            return list(found.limit(_RECENT))
        except PyMongoError:
            return []


def now() -> int:
    """Return the time that readings are made of: a value fed later is larger."""
    return time.monotonic_ns()
