"""Hosts, processes, GPUs and runs: who there is, and how they are."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from robometrics.api.parents import parents
from robometrics.api.problems import RESPONSES
from robometrics.errors import NotFoundError
from robometrics.store import GpuRow, HostRow, ProcessRow, RunRow, Store
from robometrics.store.fleet_rows import process_key
from robometrics.times import to_ms

LIVE_SECONDS = 15
"""A host seen within this time is live: batches are noted every five seconds, and
take a moment to arrive."""

STALE_SECONDS = 300
_MS_PER_SECOND = 1_000

HostName = Annotated[
    str | None,
    QueryParameter(description="only of this host", min_length=1, max_length=100),
]


class Host(msgspec.Struct, kw_only=True):
    """One host."""

    host: Annotated[str, msgspec.Meta(examples=["robot-7"])]
    state: Literal["live", "stale", "offline"]
    """``stale``: nothing for 15 s; ``offline``: nothing for five minutes."""

    first_seen_ms: float
    last_seen_ms: float
    process_count: int
    """Processes ever registered on it."""

    outbox_messages: int | None
    """Messages it took that the broker had not acknowledged, as it last said."""

    clock_offset_ms: float | None
    """Its clock minus the server's, as it last measured."""


class Process(msgspec.Struct, kw_only=True):
    """One process name on a host, as its latest run is."""

    host: str
    process: Annotated[str, msgspec.Meta(examples=["planner"])]
    state: Literal["running", "stale", "exited"]
    run: str
    pid: int
    started_ms: float | None
    first_seen_ms: float
    last_seen_ms: float
    command: str
    exit_code: int | None
    tags: dict[str, str]
    parent: Annotated[str | None, msgspec.Meta(examples=["launch"])]
    """The nearest process above it on the host that is measured and has not ended."""


class Gpu(msgspec.Struct, kw_only=True):
    """One GPU of a host."""

    host: str
    gpu: Annotated[int, msgspec.Meta(examples=[0])]
    """Its index on the host, as in ``/api/v1/query?gpu=0``."""

    state: Literal["live", "stale"]
    """``stale``: nothing for 15 s: lost, or its host is."""

    uuid: str
    model: Annotated[str, msgspec.Meta(examples=["NVIDIA H100 80GB HBM3"])]
    first_seen_ms: float
    last_seen_ms: float


class Run(msgspec.Struct, kw_only=True):
    """One incarnation of a process."""

    host: str
    process: str
    run: str
    pid: int
    started_ms: float | None
    first_seen_ms: float | None
    last_seen_ms: float | None
    ended_ms: float | None
    end: str | None
    """``exited`` or ``unregistered``; ``null`` while it goes on."""

    exit_code: int | None
    command: str
    tags: dict[str, str]


class Hosts(msgspec.Struct):
    """All hosts, by name."""

    hosts: list[Host]


class Processes(msgspec.Struct):
    """Processes, by host and name."""

    processes: list[Process]


class Gpus(msgspec.Struct):
    """GPUs, by host and index."""

    gpus: list[Gpu]


class Runs(msgspec.Struct):
    """Runs, newest first."""

    runs: list[Run]


class FleetController(Controller):
    """Reads the fleet's tables; no logic beyond what a state is called."""

    path = "/api/v1"
    tags = ("fleet",)

    @get("/hosts", responses=RESPONSES)
    async def list_hosts(self, store: NamedDependency[Store]) -> Hosts:
        """Return all hosts that ever sent a sample."""
        now = time.time()
        return Hosts([_host(row, now) for row in await store.fleet.hosts()])

    @get("/processes", responses=RESPONSES)
    async def list_processes(
        self, store: NamedDependency[Store], host: HostName = None
    ) -> Processes:
        """Return the processes of one host or of all."""
        if host is not None:
            await require_host(store, host)
        rows = await store.fleet.processes(host)
        runs = await store.fleet.runs_of(rows)
        above = parents(rows, runs)
        now = time.time()
        return Processes(
            [
                _process(row, runs.get(process_key(row)), above[process_key(row)], now)
                for row in rows
            ]
        )

    @get("/gpus", responses=RESPONSES)
    async def list_gpus(
        self, store: NamedDependency[Store], host: HostName = None
    ) -> Gpus:
        """Return the GPUs of one host or of all."""
        if host is not None:
            await require_host(store, host)
        now = time.time()
        return Gpus([_gpu(row, now) for row in await store.fleet.gpus(host)])

    @get("/runs", responses=RESPONSES)
    async def list_runs(
        self,
        store: NamedDependency[Store],
        host: Annotated[str, QueryParameter(min_length=1, max_length=100)],
        process: Annotated[
            str | None,
            QueryParameter(
                description="only of this process", min_length=1, max_length=100
            ),
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=1_000)] = 100,
    ) -> Runs:
        """Return the newest runs on a host, of one process or of all."""
        await require_host(store, host)
        return Runs(
            [_run(row) for row in await store.fleet.runs(host, process, limit=limit)]
        )


async def require_host(store: Store, host: str) -> None:
    """Check that *host* ever sent a sample.

    Raises:
        NotFoundError: It did not.
    """
    if not await store.fleet.knows_host(host):
        raise NotFoundError(f"no host {host!r}; /api/v1/hosts lists them")


async def require_process(store: Store, host: str, process: str) -> ProcessRow:
    """Return the row of *process* on *host*.

    Raises:
        NotFoundError: It never registered there.
    """
    row = await store.fleet.process(host, process)
    if row is None:
        raise NotFoundError(
            f"no process {process[:100]!r} on {host!r}; /api/v1/processes lists them"
        )
    return row


async def require_gpu(store: Store, host: str, index: int) -> None:
    """Check that *host* ever had a GPU of that index.

    Raises:
        NotFoundError: It had not.
    """
    if all(row.index != index for row in await store.fleet.gpus(host)):
        raise NotFoundError(f"no GPU {index} on {host!r}; /api/v1/gpus lists them")


def _slot_ms(slot: int) -> float:
    return float(slot * _MS_PER_SECOND)


def _host(row: HostRow, now: float) -> Host:
    silent_seconds = now - row.last_slot
    state: Literal["live", "stale", "offline"] = "offline"
    if silent_seconds < LIVE_SECONDS:
        state = "live"
    elif silent_seconds < STALE_SECONDS:
        state = "stale"
    return Host(
        host=row.host,
        state=state,
        first_seen_ms=_slot_ms(row.first_slot),
        last_seen_ms=_slot_ms(row.last_slot),
        process_count=row.process_count,
        outbox_messages=row.outbox_messages,
        clock_offset_ms=_ms(row.clock_offset_ns),
    )


def _process(
    row: ProcessRow, run: RunRow | None, parent: str | None, now: float
) -> Process:
    state: Literal["running", "stale", "exited"] = "running"
    if run is not None and run.end is not None:
        state = "exited"
    elif now - row.last_slot >= LIVE_SECONDS:
        state = "stale"
    return Process(
        host=row.host,
        process=row.process,
        state=state,
        run=row.run,
        pid=row.pid,
        started_ms=_ms(run.started_at_ns) if run else None,
        first_seen_ms=_slot_ms(row.first_slot),
        last_seen_ms=_slot_ms(row.last_slot),
        command=run.command if run else "",
        exit_code=run.exit_code if run else None,
        tags=run.tags if run else {},
        parent=parent,
    )


def _gpu(row: GpuRow, now: float) -> Gpu:
    return Gpu(
        host=row.host,
        gpu=row.index,
        state="live" if now - row.last_slot < LIVE_SECONDS else "stale",
        uuid=row.uuid,
        model=row.model,
        first_seen_ms=_slot_ms(row.first_slot),
        last_seen_ms=_slot_ms(row.last_slot),
    )


def _run(row: RunRow) -> Run:
    return Run(
        host=row.host,
        process=row.process,
        run=row.run,
        pid=row.pid,
        started_ms=_ms(row.started_at_ns),
        first_seen_ms=None if row.first_slot is None else _slot_ms(row.first_slot),
        last_seen_ms=None if row.last_slot is None else _slot_ms(row.last_slot),
        ended_ms=_ms(row.ended_ns),
        end=row.end,
        exit_code=row.exit_code,
        command=row.command,
        tags=row.tags,
    )


def _ms(ns: int | None) -> float | None:
    return None if ns is None else to_ms(ns)
