"""Who was seen when: hosts, processes and their runs, from batches and events.

Every update commutes (``$min``, ``$max``, or a value that never changes), so late and
repeated messages leave the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from robometrics.schema import NS_PER_SECOND, AnyBatch, Event, GpuBatch, ProcessBatch
from robometrics.store.driver import Database, plain
from robometrics.store.failures import insert_new, require_duplicates, translated
from robometrics.store.fleet_changes import (
    CURRENT,
    event_document,
    host_facts,
    joined,
    registered,
    run_changes,
    see_gpu,
    see_host,
    see_process,
    see_run,
)
from robometrics.subjects import escape

INDEXES: tuple[tuple[str, list[tuple[str, int]]], ...] = (
    ("processes", [("host", ASCENDING)]),
    ("gpus", [("host", ASCENDING), ("index", ASCENDING)]),
    ("runs", [("host", ASCENDING), ("process", ASCENDING), ("last_slot", DESCENDING)]),
    ("events", [("host", ASCENDING), ("at", DESCENDING)]),
)
FUTURE_SECONDS = 86_400
"""What claims to be further ahead must not be the latest for ever."""

_REFRESH_SLOTS = 5
_REMEMBERED_MAX = 100_000


class HostRow(msgspec.Struct, kw_only=True):
    """One host; slots are seconds since the Unix epoch."""

    host: str
    first_slot: int
    last_slot: int
    process_count: int = 0
    outbox_messages: int | None = None
    """Not yet acknowledged, as the host last said; ``None`` if it never did."""

    clock_offset_ns: int | None = None
    """The host's clock minus the server's."""

    outbox_bytes: int | None = None
    worker_batches_shed_total: int | None = None
    """Batches its outbox gave up since the worker started."""

    facts: dict[str, str | int | float] = {}
    """What the machine is, as it last said; see ``schema.Event.facts``."""

    facts_at_ns: int | None = None
    """When it said so, ns since the Unix epoch; ``None`` if it never did."""


class ProcessRow(msgspec.Struct, kw_only=True):
    """One process name on a host, with its latest run."""

    host: str
    process: str
    first_slot: int
    last_slot: int
    run: str
    pid: int


class GpuRow(msgspec.Struct, kw_only=True):
    """One GPU of a host, as it last was."""

    host: str
    index: int
    first_slot: int
    last_slot: int
    uuid: str
    model: str


class RunRow(msgspec.Struct, kw_only=True):
    """One incarnation of a process; times in ns since the Unix epoch."""

    host: str
    process: str
    run: str
    pid: int = 0
    first_slot: int | None = None
    last_slot: int | None = None
    started_at_ns: int | None = None
    registered_ns: int = 0
    ended_ns: int | None = None
    end: str | None = None
    """``exited`` or ``unregistered``; ``None`` while it goes on."""

    exit_code: int | None = None
    command: str = ""
    tags: dict[str, str] = {}


class Fleet:
    """Hosts, processes, GPUs, runs and events in one database."""

    def __init__(self, database: Database) -> None:
        self._hosts = database["hosts"]
        self._processes = database["processes"]
        self._gpus = database["gpus"]
        self._runs = database["runs"]
        self._events = database["events"]
        self._written: dict[tuple[str, str, str], tuple[int, int]] = {}

    async def see(self, batches: Iterable[AnyBatch]) -> None:
        """Note that the runs in *batches* were alive then, five seconds coarse.

        Raises:
            RetryLaterError: It may not be noted; see them again.
        """
        seen: dict[tuple[str, str, str], list[AnyBatch]] = {}
        latest = time.time() + FUTURE_SECONDS
        for batch in batches:
            if batch.slot > latest:
                continue  # its host has no clock; the samples are kept all the same
            low, high = self._written.get(_identity(batch), (0, -1))
            if not low <= batch.slot < high + _REFRESH_SLOTS:
                seen.setdefault(_identity(batch), []).append(batch)
        if not seen:
            return

        hosts, processes, gpus, runs = [], [], [], []
        for found in seen.values():
            first = min(found, key=lambda batch: batch.slot)
            last = max(found, key=lambda batch: batch.slot)
            span = {
                "$min": {"first_slot": first.slot},
                "$max": {"last_slot": last.slot},
            }
            hosts.append(see_host(last, span))
            if isinstance(last, ProcessBatch):
                processes.append(see_process(last, span))
                runs.append(see_run(last, span))
            elif isinstance(last, GpuBatch):
                gpus.append(see_gpu(last, span))
        await _apply(self._hosts, hosts)
        await _apply(self._processes, processes)
        await _apply(self._gpus, gpus)
        await _apply(self._runs, runs)

        if len(self._written) > _REMEMBERED_MAX:
            self._written.clear()
        for identity, found in seen.items():
            slots = [batch.slot for batch in found]
            low, high = self._written.get(identity, (slots[0], slots[0]))
            self._written[identity] = (min(low, *slots), max(high, *slots))

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
        return [_host_row(row, counts.get(row["host"], 0)) for row in found]

    async def latest_hosts(self, limit: int) -> list[HostRow]:
        """Return the hosts seen last, newest first, their processes not counted."""
        with translated():
            cursor = self._hosts.find({}).sort("last_slot", DESCENDING).limit(limit)
            return [_host_row(row, 0) async for row in cursor]

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
            return [_process_row(row) async for row in cursor.sort("_id")]

    async def process(self, host: str, process: str) -> ProcessRow | None:
        with translated():
            row = await self._processes.find_one({"_id": joined(host, process)})
        return None if row is None else _process_row(row)

    async def gpus(self, host: str | None = None) -> list[GpuRow]:
        """Return the GPUs of *host*, or of all hosts, by host and index."""
        with translated():
            cursor = self._gpus.find({} if host is None else {"host": host})
            order = [("host", ASCENDING), ("index", ASCENDING)]
            return [_gpu_row(row) async for row in cursor.sort(order)]

    async def runs(
        self, host: str, process: str | None = None, *, limit: int
    ) -> list[RunRow]:
        """Return the newest *limit* runs on *host*, newest first."""
        wanted = {"host": host, **({"process": process} if process else {})}
        with translated():
            cursor = self._runs.find(wanted).sort("last_slot", DESCENDING).limit(limit)
            return [_run_row(row) async for row in cursor]

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
            return [_run_row(row) async for row in cursor]

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
            rows = [_run_row(row) async for row in cursor]
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


def process_key(row: ProcessRow) -> str:
    """Return the key of *row* in the answer of ``runs_of``."""
    return joined(row.host, row.process)


def _identity(batch: AnyBatch) -> tuple[str, str, str]:
    return batch.host, batch.name, batch.run


def _process_row(row: dict[str, Any]) -> ProcessRow:
    return ProcessRow(
        host=row["host"],
        process=row["process"],
        first_slot=row["first_slot"],
        last_slot=row["last_slot"],
        run=row["current"]["run"],
        pid=row["current"]["pid"],
    )


def _gpu_row(row: dict[str, Any]) -> GpuRow:
    return GpuRow(
        host=row["host"],
        index=row["index"],
        first_slot=row["first_slot"],
        last_slot=row["last_slot"],
        uuid=row["current"]["uuid"],
        model=row["current"]["model"],
    )


def _host_row(row: dict[str, Any], process_count: int) -> HostRow:
    facts = row.get("facts", {})
    return HostRow(
        host=row["host"],
        first_slot=row["first_slot"],
        last_slot=row["last_slot"],
        process_count=process_count,
        facts={key: plain(value) for key, value in facts.get("known", {}).items()},
        facts_at_ns=plain(facts.get("at_ns")),
        **{key: plain(row.get("current", {}).get(key)) for key in CURRENT},
    )


def _run_row(row: dict[str, Any]) -> RunRow:
    ended = row.get("ended")
    request = row.get("registered", {})
    registered_ns = plain(request.get("at_ns", 0))
    if ended is not None and ended["at_ns"] < registered_ns:
        ended = None  # it was registered again after that
    return RunRow(
        host=row["host"],
        process=row["process"],
        run=row["run"],
        pid=row.get("pid") or request.get("pid") or 0,
        first_slot=row.get("first_slot"),
        last_slot=row.get("last_slot"),
        started_at_ns=plain(request.get("started_at_ns")),
        registered_ns=registered_ns,
        ended_ns=plain(ended["at_ns"]) if ended else None,
        end=ended["how"] if ended else None,
        exit_code=ended["code"] if ended else None,
        command=request.get("command", ""),
        tags=request.get("tags", {}),
    )


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
