"""Who was seen when: hosts, processes and their runs, from batches and events.

Every update commutes (``$min``, ``$max``, or a value that never changes), so late and
repeated messages leave the same rows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    Event,
    GpuBatch,
    ProcessBatch,
)
from robometrics.store.driver import Database
from robometrics.store.failures import insert_new, require_duplicates, translated
from robometrics.store.fleet_changes import (
    event_document,
    host_facts,
    joined,
    registered,
    run_changes,
    see_gpu,
    see_host,
    see_process,
    see_run,
    tells_of_worker,
)
from robometrics.store.fleet_rows import (
    GpuRow,
    HostRow,
    ProcessRow,
    RunRow,
    gpu_row,
    host_row,
    process_row,
    run_row,
)
from robometrics.store.sightings import (
    FUTURE_SECONDS,
    Identity,
    Sighting,
    Sightings,
)
from robometrics.subjects import escape

INDEXES: tuple[tuple[str, list[tuple[str, int]]], ...] = (
    ("processes", [("host", ASCENDING)]),
    ("gpus", [("host", ASCENDING), ("index", ASCENDING)]),
    ("runs", [("host", ASCENDING), ("process", ASCENDING), ("last_slot", DESCENDING)]),
    ("events", [("host", ASCENDING), ("at", DESCENDING)]),
)


class Fleet:
    """Hosts, processes, GPUs, runs and events in one database."""

    def __init__(self, database: Database) -> None:
        self._hosts = database["hosts"]
        self._processes = database["processes"]
        self._gpus = database["gpus"]
        self._runs = database["runs"]
        self._events = database["events"]
        self._sightings = Sightings()

    async def see(self, batches: Iterable[AnyBatch]) -> None:
        """Note that the runs in *batches* were alive then, in five seconds at most.

        Raises:
            RetryLaterError: It may not be noted; see them again.
        """
        self._sightings.add(batches)
        await self._write(self._sightings.due())

    async def settle(self, *, everything: bool = False) -> None:
        """Write what was seen and waited for five seconds, or everything.

        Raises:
            RetryLaterError: Some may not be written; settle again.
        """
        await self._write(self._sightings.due(everything=everything))

    async def _write(self, seen: Mapping[Identity, Sighting]) -> None:
        if not seen:
            return
        processes, gpus, runs = [], [], []
        of_hosts: dict[str, list[Sighting]] = {}
        for found in seen.values():
            newest, span = found.newest, _span([found])
            of_hosts.setdefault(newest.host, []).append(found)
            if isinstance(newest, ProcessBatch):
                processes.append(see_process(newest, span))
                runs.append(see_run(newest, span))
            elif isinstance(newest, GpuBatch):
                gpus.append(see_gpu(newest, span))
        hosts = [see_host(_newest(found), _span(found)) for found in of_hosts.values()]
        await asyncio.gather(
            _apply(self._hosts, hosts),
            _apply(self._processes, processes),
            _apply(self._gpus, gpus),
            _apply(self._runs, runs),
        )
        self._sightings.wrote(seen)

    async def record(self, events: Sequence[Event]) -> None:
        """Keep *events*, and what they say of a run.

        Raises:
            RetryLaterError: Some may not be kept; record them all again.
        """
        documents = [event_document(event) for event in events]
        if not documents:
            return
        await insert_new(self._events, documents)
        latest_ns = (time.time() + FUTURE_SECONDS) * NS_PER_SECOND
        events = [event for event in events if event.at_ns <= latest_ns]
        await _apply(
            self._hosts, [update for each in events for update in host_facts(each)]
        )
        await _apply(
            self._processes, [update for each in events for update in registered(each)]
        )
        await _apply(
            self._runs, [update for each in events for update in run_changes(each)]
        )

    async def hosts(self) -> list[HostRow]:
        with translated():
            found = [row async for row in self._hosts.find({}).sort("_id")]
            counts: dict[str, int] = {}
            async for row in self._processes.find({}, {"host": 1}):
                counts[row["host"]] = counts.get(row["host"], 0) + 1
        return [host_row(row, counts.get(row["host"], 0)) for row in found]

    async def latest_hosts(self, limit: int) -> list[HostRow]:
        """Return the hosts seen last, newest first, their processes not counted."""
        with translated():
            cursor = self._hosts.find({}).sort("last_slot", DESCENDING).limit(limit)
            return [host_row(row, 0) async for row in cursor]

    async def span_of(self, host: str) -> tuple[int, int] | None:
        """Return the first and last slot in which *host* was seen, if it ever was."""
        with translated():
            row = await self._hosts.find_one({"_id": escape(host)})
        return None if row is None else (row["first_slot"], row["last_slot"])

    async def knows_host(self, host: str) -> bool:
        return await self.span_of(host) is not None

    async def processes(self, host: str | None = None) -> list[ProcessRow]:
        """Return the processes of *host*, or of all hosts, by host and name."""
        with translated():
            cursor = self._processes.find({} if host is None else {"host": host})
            return [process_row(row) async for row in cursor.sort("_id")]

    async def process(self, host: str, process: str) -> ProcessRow | None:
        with translated():
            row = await self._processes.find_one({"_id": joined(host, process)})
        return None if row is None else process_row(row)

    async def gpus(self, host: str | None = None) -> list[GpuRow]:
        """Return the GPUs of *host*, or of all hosts, by host and index."""
        with translated():
            cursor = self._gpus.find({} if host is None else {"host": host})
            order = [("host", ASCENDING), ("index", ASCENDING)]
            return [gpu_row(row) async for row in cursor.sort(order)]

    async def runs(
        self, host: str, process: str | None = None, *, limit: int
    ) -> list[RunRow]:
        """Return the newest *limit* runs on *host*, newest first."""
        wanted = {"host": host, **({"process": process} if process else {})}
        with translated():
            cursor = self._runs.find(wanted).sort("last_slot", DESCENDING).limit(limit)
            rows = [run_row(row) async for row in cursor]
        # Several may have come and gone within one second.
        rows.sort(key=lambda row: (row.last_slot or 0, row.registered_ns), reverse=True)
        return rows

    async def runs_between(
        self, hosts: Sequence[str], start: int, stop: int, *, limit: int
    ) -> list[RunRow]:
        """Return runs of processes on *hosts* seen in the slots ``[start, stop]``."""
        wanted = {
            "host": {"$in": list(hosts)},
            "last_slot": {"$gte": start},
            "first_slot": {"$lte": stop},
        }
        with translated():
            cursor = self._runs.find(wanted).limit(limit)
            return [run_row(row) async for row in cursor]

    async def runs_of(self, rows: Sequence[ProcessRow]) -> dict[str, RunRow]:
        """Return the latest run of each of *rows*, by ``row.host/process``."""
        found = await self.find_runs((row.host, row.process, row.run) for row in rows)
        return {joined(host, process): run for (host, process, _), run in found.items()}

    async def find_runs(
        self, identities: Iterable[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], RunRow]:
        """Return the known ones of these runs, each by host, process and run."""
        ids = [joined(*identity) for identity in identities]
        with translated():
            cursor = self._runs.find({"_id": {"$in": ids}})
            rows = [run_row(row) async for row in cursor]
        return {(row.host, row.process, row.run): row for row in rows}

    async def tags_of(
        self, host: str, process: str, runs: Iterable[str]
    ) -> dict[str, dict[str, str]]:
        """Return the tags of each of *runs* that has any."""
        ids = [joined(host, process, run) for run in runs]
        with translated():
            found = self._runs.find({"_id": {"$in": ids}}, {"run": 1, "registered": 1})
            return {
                row["run"]: tags
                async for row in found
                if (tags := row.get("registered", {}).get("tags"))
            }


def _slot(batch: AnyBatch) -> int:
    return batch.slot


def _newest(found: Iterable[Sighting]) -> AnyBatch:
    """Return the newest batch; that of the host itself if there is one, as it tells."""
    batches = [sighting.newest for sighting in found]
    own = [batch for batch in batches if tells_of_worker(batch)]
    return max(own or batches, key=_slot)


def _span(found: Sequence[Sighting]) -> dict[str, Any]:
    return {
        "$min": {"first_slot": min(each.first_slot for each in found)},
        "$max": {"last_slot": max(each.last_slot for each in found)},
    }


async def _apply(collection: Any, updates: list[UpdateOne]) -> None:
    """Upsert; two writers that create the same row race, and the loser tries again."""
    todo = updates
    while todo:
        with translated():
            try:
                await collection.bulk_write(todo, ordered=False)
            except BulkWriteError as exc:
                todo = [todo[index] for index in require_duplicates(exc)]
            else:
                return
