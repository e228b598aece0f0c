"""Reads what older viewers ask for: of each series the newest, and a bounded whole."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from robometrics.api.seed import deriving, rows
from robometrics.api.seed.rows import MachineRow, StaticRow
from robometrics.schema import AnyBatch, GpuBatch, HostBatch, ProcessBatch
from robometrics.store import BEHIND_SLOTS_MAX, HostRow, ProcessRow, Series, Store
from robometrics.store.fleet_rows import process_key

HOSTS_MAX = 1_000
SERIES_MAX = 1_000
ROWS_MAX = 10_000
"""In one answer; of many series each has its share."""

AT_ONCE = 8
CLOCK_SECONDS = 15  # of some facts of a host one is read every ten

_T = TypeVar("_T")
_R = TypeVar("_R")


class Span(NamedTuple):
    """Slots in ``[start, stop)``, and how many rows of each series."""

    start: int
    stop: int
    limit: int


async def machines(
    store: Store, span: Span, machine_id: str | None
) -> list[MachineRow]:
    """Return rows of hosts, oldest first."""
    hosts = [row for row in await _hosts(store, machine_id) if _touches(row, span)]
    span = _shared(span, len(hosts))

    async def of_host(host: HostRow) -> list[MachineRow]:
        series = Series(host.host, "host", "")
        batches = await newest(store, series, span, host.last_slot)
        found = [each for each in batches if isinstance(each, HostBatch)]
        gpus = await _gpus(store, host.host, [batch.slot for batch in found])
        return [deriving.machine_row(batch, gpus.get(batch.slot)) for batch in found]

    return _in_order(await _each(of_host, hosts))


async def processes(
    store: Store, span: Span, machine_id: str | None
) -> list[rows.ProcessRow]:
    """Return rows of processes, oldest first."""
    found = [p for p in await store.fleet.processes(machine_id) if _touches(p, span)]
    found.sort(key=lambda row: row.last_slot, reverse=True)
    del found[SERIES_MAX:]
    span = _shared(span, len(found))
    hosts = sorted({row.host for row in found})
    known = dict(
        zip(hosts, await _each(lambda h: totals(store, h), hosts), strict=True)
    )
    runs = await store.fleet.runs_of(found)

    async def of_process(row: ProcessRow) -> list[rows.ProcessRow]:
        run = runs.get(process_key(row))
        series = Series(row.host, "process", row.process)
        return [
            deriving.process_row(
                batch,
                known[row.host],
                run.started_at_ns if run and run.run == batch.run else None,
            )
            for batch in await newest(store, series, span, row.last_slot)
            if isinstance(batch, ProcessBatch)
        ]

    return _in_order(await _each(of_process, found))


async def statics(store: Store, machine_id: str | None) -> list[StaticRow]:
    """Return what each host is, by when that is known from."""

    async def of_host(host: HostRow) -> list[StaticRow]:
        if host.facts:
            return [deriving.reported_static(host)]
        batches, gpus = await _state(store, host.host)
        return [deriving.measured_static(host, batches, gpus)]

    return _in_order(await _each(of_host, await _hosts(store, machine_id)))


async def totals(store: Store, host: str) -> deriving.Totals:
    """Return the sizes of *host*, as it last said."""
    batches, gpus = await _state(store, host)
    return deriving.Totals(
        memory_bytes=deriving.latest(batches, "memory_total_bytes"),
        gpu_memory_bytes=deriving.total(
            deriving.last(gpu, "gpu_memory_total_bytes") for gpu in gpus
        ),
    )


async def newest(
    store: Store, series: Series, span: Span, last_slot: int
) -> list[AnyBatch]:
    """Return the newest batches of *series*, oldest first.

    Most series have one a second, so a range of twice the limit has enough of them; it
    is widened for those that have not.
    """
    stop = min(span.stop, last_slot + BEHIND_SLOTS_MAX)
    seconds = 2 * span.limit
    while True:
        start = max(span.start, stop - seconds)
        found: deque[AnyBatch] = deque(maxlen=span.limit)
        async for batch in store.batches.read(series, start, stop):
            found.append(batch)
        if len(found) == span.limit or start <= span.start:
            return list(found)
        seconds *= 2


async def _gpus(store: Store, host: str, slots: Sequence[int]) -> dict[int, GpuBatch]:
    """Return the batches of the first GPU of *host* in *slots*, which are in order."""
    if not slots:
        return {}
    wanted = set(slots)
    reading = store.batches.read(Series(host, "gpu", "0"), slots[0], slots[-1] + 1)
    return {
        gpu.slot: gpu
        async for gpu in reading
        if isinstance(gpu, GpuBatch) and gpu.slot in wanted
    }


async def _state(store: Store, host: str) -> tuple[list[HostBatch], list[GpuBatch]]:
    """Return the newest batches of *host*, and the newest of each of its GPUs."""
    series = Series(host, "host", "")
    newest_of_all = await store.batches.newest(series)
    last = newest_of_all.slot if newest_of_all is not None else 0
    reading = store.batches.read(series, last - CLOCK_SECONDS, last + 1)
    batches = [batch async for batch in reading if isinstance(batch, HostBatch)]
    gpus = [
        await store.batches.newest(Series(host, "gpu", str(row.index)))
        for row in await store.fleet.gpus(host)
    ]
    return batches, [gpu for gpu in gpus if isinstance(gpu, GpuBatch)]


async def _hosts(store: Store, machine_id: str | None) -> list[HostRow]:
    found = await store.fleet.latest_hosts(HOSTS_MAX)
    return [row for row in found if machine_id in (None, row.host)]


def _touches(row: HostRow | ProcessRow, span: Span) -> bool:
    return row.first_slot < span.stop and span.start < row.last_slot + BEHIND_SLOTS_MAX


def _shared(span: Span, series: int) -> Span:
    share = max(1, ROWS_MAX // max(1, series))
    return span._replace(limit=min(span.limit, share))


async def _each(ask: Callable[[_T], Awaitable[_R]], asked: Iterable[_T]) -> list[_R]:
    """Return the answers in order; a few are asked for at once."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(each: _T) -> _R:
        async with room:
            return await ask(each)

    return list(await asyncio.gather(*(one(each) for each in asked)))


def _in_order(found: Sequence[Sequence[Any]]) -> list[Any]:
    together = [row for some in found for row in some]
    return sorted(together, key=lambda row: row.created_at)
