"""A host whose worker, consumers and database a test plays, and may spoil."""

from __future__ import annotations

from typing import Any

import msgspec
from builders import SLOT, host_batch, process_batch, tally

from robometrics.schema import AnyBatch, Event
from robometrics.store import Store
from robometrics.store.auditing import audit
from robometrics.store.batch_documents import batch_id
from robometrics.store.report import Report

MINUTE = SLOT - SLOT % 60


def minutes(count: int = 3, start: int = MINUTE, **changes: Any) -> list[AnyBatch]:
    """Return what a worker takes of the host and of a planner in whole minutes."""
    return [
        make(slot=slot, **changes)
        for slot in range(start, start + 60 * count)
        for make in (host_batch, process_batch)
    ]


class Audited:
    """Keeps batches as the consumers do, and tallies as a worker makes them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._sequence = 0

    async def keep(self, *batches: AnyBatch) -> None:
        await self.store.batches.insert(batches)
        await self.store.fleet.see(batches)
        await self.store.rollups.fold(batches)

    async def tell(self, *batches: AnyBatch, **changes: Any) -> None:
        """Store a tally for each minute of *batches*."""
        by_minute: dict[int, list[AnyBatch]] = {}
        for batch in batches:
            by_minute.setdefault(batch.slot // 60, []).append(batch)
        for _, found in sorted(by_minute.items()):
            self._sequence += 1
            sent = tally(*found, sequence=self._sequence)
            await self.store.tallies.insert([msgspec.structs.replace(sent, **changes)])

    async def record(self, *events: Event) -> None:
        await self.store.fleet.record(events)

    async def lose(self, *batches: AnyBatch) -> None:
        """Delete batches from the database, by hand."""
        for batch in batches:
            done = await self.store._database["batches"].delete_one(
                {"_id": batch_id(batch)}
            )
            assert 1 == done.deleted_count

    async def audit(
        self, start: int = MINUTE, stop: int = MINUTE + 180, *, on_its_way: int = 0
    ) -> Report:
        return await audit(self.store, "robot", start, stop, on_its_way=on_its_way)
