"""Batches to compact, and who compacts them, watched at each write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from builders import SLOT, process_batch

from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store import Series, Store
from robometrics.store.batches import HOUR
from robometrics.store.compaction import Compacted, Compactor

START = SLOT - SLOT % HOUR
END = START + 10 * HOUR
PLANNER = Series("robot", "process", "planner")


def planner(start: int, count: int, **changes: Any) -> list[AnyBatch]:
    """Return batches of a run of the planner, whose counters go on."""
    return [
        process_batch(
            slot=slot,
            metrics={
                "cpu_time_ns": [slot * 1_000, slot * 1_000 + 500],
                "memory_rss_bytes": [slot % 7 * 4096, None],
                "thread_count": [slot % 3],
                "load": [slot / 16, 0.5],
            },
            previous=Previous(
                offset_ns=-NS_PER_SECOND // 2,
                counters={"cpu_time_ns": (slot - 1) * 1_000 + 500},
            )
            if slot > start
            else None,
            **changes,
        )
        for slot in range(start, start + count)
    ]


async def compact(store: Store, before: int = END) -> Compacted:
    """Compact everything; return what was done in all."""
    total = Compacted()
    async for done in Compactor(store._database).compact(before):
        total.batches += done.batches
        total.blocks += done.blocks
        total.damaged += done.damaged
    return total


async def read(store: Store, series: Series, start: int = 0) -> list[AnyBatch]:
    return [batch async for batch in store.batches.read(series, start, 2**32)]


async def fresh(store: Store) -> int:
    return int(await store._database["batches"].count_documents({}))


async def kept(store: Store) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await store._database["blocks"].find({}).sort("_id").to_list(None)
    )
    return found


def check_runs(expected: list[AnyBatch], found: list[AnyBatch]) -> None:
    def by_run(batches: list[AnyBatch]) -> list[AnyBatch]:
        return sorted(batches, key=lambda batch: (batch.run, batch.slot))

    assert by_run(expected) == by_run(found)


Step = Callable[..., Awaitable[object]]
WRITES = ("insert_one", "replace_one", "delete_many")


async def nothing(*_: Any) -> None:
    return None


class Interposed:
    """A collection, with something that happens before and after each write."""

    def __init__(
        self, collection: Any, before: Step = nothing, after: Step = nothing
    ) -> None:
        self._collection = collection
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._collection, name)
        if name not in WRITES:
            return found

        async def write(*args: Any) -> Any:
            await self._before(name)
            result = await found(*args)
            await self._after(name)
            return result

        return write
