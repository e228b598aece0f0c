"""Which metrics series have, and which instances (cores, disks, threads) of each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence

import msgspec

from robometrics.metrics import split_key
from robometrics.store import BEHIND_SLOTS_MAX, Series, Store

WINDOW_SECONDS = 300
"""How far back is looked: several times the longest period of a metric."""

_AT_ONCE = 8
_NUMBER = re.compile(r"(\d+)")


class Contents(msgspec.Struct, frozen=True):
    """One series."""

    series: Series
    last_slot: int
    """When it was last seen."""

    metrics: dict[str, list[str]]
    """Instances by name of metric; the empty one is the metric by its name alone."""


async def contents(store: Store, found: Sequence[Series]) -> list[Contents]:
    """Return what each of *found* has had in its latest minutes, however long ago.

    Of hours that are packed into blocks already, the whole hour counts.

    Raises:
        RetryLaterError: The database is away.
    """
    last_slots = await _last_slots(store, found)
    room = asyncio.Semaphore(_AT_ONCE)

    async def look(series: Series, last: int) -> Contents:
        async with room:
            keys = await store.inventory.metrics(
                series, last - WINDOW_SECONDS, last + BEHIND_SLOTS_MAX + 1
            )
        return Contents(series, last, _by_name(keys))

    looking = [
        asyncio.ensure_future(look(series, last_slots[series]))
        for series in found
        if series in last_slots  # else retention took it a moment ago
    ]
    try:
        return await asyncio.gather(*looking)
    finally:
        for each in looking:
            each.cancel()


async def _last_slots(store: Store, found: Sequence[Series]) -> dict[Series, int]:
    """Return when each was last seen; batches are noted a few seconds late."""
    fleet, last = store.fleet, {}
    for host in {series.host for series in found}:
        kinds = {series.kind for series in found if series.host == host}
        if "host" in kinds and (span := await fleet.span_of(host)):
            last[Series(host, "host", "")] = span[1]
        if "process" in kinds:
            for row in await fleet.processes(host):
                last[Series(host, "process", row.process)] = row.last_slot
        if "gpu" in kinds:
            for gpu in await fleet.gpus(host):
                last[Series(host, "gpu", str(gpu.index))] = gpu.last_slot
    return last


def _by_name(keys: Iterable[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for key in keys:
        name, instance = split_key(key)
        names.setdefault(name, []).append(instance)
    return {name: sorted(found, key=_as_counted) for name, found in names.items()}


def _as_counted(instance: str) -> list[str | int]:
    """Return what sorts ``2`` before ``10``; numbers stand at every second place."""
    parts = _NUMBER.split(instance)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
