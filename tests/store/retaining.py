"""Batches since a midnight, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from builders import event, process_batch

from robometrics.keeping import SECONDS_PER_DAY, Policy, Retain
from robometrics.schema import AnyBatch
from robometrics.store import Series, Store
from robometrics.store.keys import SLOT_STOP, time_of

HOUR, DAY = 3_600, SECONDS_PER_DAY
MIDNIGHT = 1_789_948_800 - 1_789_948_800 % 864_000  # where each kind of page begins
FOREVER = {"raw": 0.0, "10s": 0.0, "1m": 0.0, "1h": 0.0}
PLANNER = Series("robot", "process", "planner")


def policy(*rules: Retain, **days: float) -> Policy:
    return Policy(
        FOREVER | {key.lstrip("_"): value for key, value in days.items()}, rules
    )


async def applied(store: Store, wanted: Policy, now: int) -> int:
    """Apply *wanted*; return how many documents of samples went."""
    done = sum([each.documents async for each in store.retention.apply(wanted, now)])
    async for _ in store.departed.apply(wanted, now):
        pass
    return done


async def compacted(store: Store, before: int) -> None:
    async for _ in store.compactor.compact(before):
        pass


async def sealed(store: Store) -> None:
    while await store.rollups.seal(SLOT_STOP, 1_000):
        pass


async def kept(store: Store, collection: str) -> list[int]:
    """Return the times of all documents of a collection."""
    found = store._database[collection].find({}, {"_id": 1})
    return sorted([time_of(row["_id"]) async for row in found])


async def slots(store: Store, series: Series = PLANNER) -> list[int]:
    found = store.batches.read(series, 0, MIDNIGHT + 1_000 * DAY)
    return [batch.slot async for batch in found]


def hourly(hours: Iterable[int], **changes: Any) -> list[AnyBatch]:
    """Return three batches in each of *hours* since midnight."""
    return [
        process_batch(slot=MIDNIGHT + HOUR * hour + second, **changes)
        for hour in hours
        for second in (0, 1_800, 3_599)
    ]


async def register(store: Store, run: str, **tags: str) -> None:
    await store.fleet.record(
        [
            event(
                id=f"e-{run}",
                event="registered",
                process="planner",
                run=run,
                pid=1,
                at_ns=MIDNIGHT * 10**9,
                started_at_ns=1,
                command="c",
                tags=tags,
            )
        ]
    )
