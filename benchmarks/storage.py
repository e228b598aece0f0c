"""How the store keeps samples, as far as benchmarks have to know: the only module here.

Fresh batches, blocks made of them, and how a long past gets in without waiting for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, get_args

from benchmarks import databases
from benchmarks.history import Hour
from robometrics.schema import ProcessBatch
from robometrics.settings import Role
from robometrics.store import Store, batches

BLOCKS = "blocks"
ROLE = "compact"
_AT_ONCE = 2_000


async def load(store: Store, hours: Iterable[Hour]) -> None:
    """Store *hours* as they lie there long after, with rollups; note who was seen."""
    for hour in hours:
        for some in _parts(hour):
            await store.batches.insert(some)
            await store.rollups.fold(some)
            await store.fleet.see(some)


async def load_fresh(store: Store, hours: Iterable[Hour]) -> None:
    """Store *hours* as they came, and nothing else."""
    for hour in hours:
        for some in _parts(hour):
            await store.batches.insert(some)


def _parts(hour: Hour) -> Iterator[list[ProcessBatch]]:
    batches = hour.batches()
    while some := list(islice(batches, _AT_ONCE)):
        yield some


def makes_blocks(store: Store) -> bool:
    return hasattr(store, "compaction")


def has_housekeeping() -> bool:
    """Tell whether a server can be told to make blocks and to delete what is old."""
    return ROLE in get_args(Role)


async def compact(store: Any) -> None:
    """Turn all that *store* holds into blocks, however young it is."""
    await store.compaction.run(older_than_seconds=0)


async def block_count(database: Any) -> int:
    return int(await database[BLOCKS].estimated_document_count())


async def sample_bytes(database: Any) -> int:
    """Return what the samples take on disk, fresh ones and blocks together."""
    there = await database.list_collection_names()
    names = [name for name in (batches.COLLECTION, BLOCKS) if name in there]
    return sum([await databases.disk_bytes(database, name) for name in names])
