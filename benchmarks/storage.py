"""How the store keeps samples, as far as benchmarks must know: here and in ``windows``.

Fresh batches, blocks made of them, and how a long past gets in without waiting for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any, NamedTuple, get_args

import numpy as np

from benchmarks import databases, windows
from benchmarks.fleet.stints import Stint
from benchmarks.history import HOST, HOUR_SECONDS, Hour
from robometrics.schema import NS_PER_SECOND, AnyBatch, ProcessBatch
from robometrics.settings import Role
from robometrics.store import Series, Store, batches, blocks
from robometrics.store.assembly import batches_of
from robometrics.store.compaction import Compactor
from robometrics.store.keys import SLOT_STOP
from robometrics.store.rollups import RESOLUTIONS, resolutions
from robometrics.store.rollups.blocks import Block, identity
from robometrics.store.strips import EACH, SINGLE, Column, Label, Strip, joined

ROLE = "housekeeping"
_AT_ONCE = 2_000


class Kept(NamedTuple):
    """Samples of one run within an hour of the clock."""

    series: Series
    run: str
    strip: Strip

    def batches(self) -> Iterator[AnyBatch]:
        """Yield what a worker would have sent, slot by slot."""
        return batches_of(self.strip, self.series, self.run, 0)

    def block(self) -> dict[str, Any]:
        """Return the document that compaction would make of it."""
        first = int(self.strip.slots[0])
        start = first - first % HOUR_SECONDS
        return {
            **identity(self.whose(), start),
            "start": datetime.fromtimestamp(start, timezone.utc),
            "revision": 1,
            **blocks.pack(self.strip),
        }

    def ends(self) -> Iterator[AnyBatch]:
        """Yield the first batch and the last."""
        ends = self.strip.take(np.array([0, len(self.strip) - 1]))
        return batches_of(ends, self.series, self.run, 0)

    def whose(self) -> dict[str, Any]:
        return {**self.series._asdict(), "run": self.run, "generation": 0}


async def load(store: Store, database: Any, some: Sequence[Kept]) -> None:
    """Store *some* of one run as they lie there long after: all in blocks.

    The more at once, the cheaper is each. No page is ever loaded twice.
    """
    await database[batches.BLOCKS].insert_many([each.block() for each in some])
    await store.fleet.see([each for kept in some for each in kept.ends()])
    whose, whole = some[0].whose(), joined([each.strip for each in some])
    for name, start, found, seals in windows.blocks_of(some[0].run, whole):
        mine = identity(whose, start)
        known = {"_id": mine["_id"]}
        collection = database[resolutions.BLOCKS[name]]
        document = await collection.find_one(known)
        block = Block(document or {}, RESOLUTIONS[name], start)
        filled = block.replaced(found.start.tolist(), found, seals)
        await collection.replace_one(known, mine | filled, upsert=True)


async def load_fresh(store: Store, hours: Iterable[Hour]) -> None:
    """Store *hours* as they came, and nothing else."""
    for hour in hours:
        for some in _parts(hour):
            await store.batches.insert(some)


def _parts(hour: Hour) -> Iterator[list[ProcessBatch]]:
    batches = hour.batches()
    while some := list(islice(batches, _AT_ONCE)):
        yield some


def of_hour(hour: Hour) -> Kept:
    length = len(hour.offset_ns)
    ones = np.ones(length, np.int64)
    strip = Strip(
        slots=hour.slot + np.arange(length),
        counts=ones,
        interval_ns=ones * NS_PER_SECOND,
        offset_ns=hour.offset_ns,
        before_ns=_shifted(hour.offset_ns - NS_PER_SECOND, hour.before_offset_ns),
        label_of=np.zeros(length, np.int64),
        labels=(Label(pid=hour.pid),),
        columns={
            key: Column(
                forms=np.full(length, EACH, np.uint8),
                values=values,
                present=np.ones(length, np.bool_),
                before=_shifted(values, hour.before[key])
                if key in hour.before
                else np.zeros(length, np.int64),
                chained=np.full(length, key in hour.before),
            )
            for key, values in hour.metrics.items()
        },
    )
    return Kept(Series(HOST, "process", hour.process), hour.run, strip)


def _shifted(values: Any, first: int) -> Any:
    """Return what was one place before each of *values*."""
    return np.concatenate([[first], values[:-1]])


def of_stint(stint: Stint) -> Kept:
    """Return a stint that does not reach over the end of an hour."""
    length = len(stint.slots)
    ones = np.ones(length, np.int64)
    is_chained = stint.before_ns != 0
    columns = {}
    for key, values in stint.metrics.items():
        before = stint.before.get(key)
        chained = is_chained if before is not None else np.zeros(length, np.bool_)
        columns[key] = Column(
            forms=np.full(length, EACH if len(values) > length else SINGLE, np.uint8),
            values=values,
            present=np.ones(len(values), np.bool_),
            before=np.where(chained, 0 if before is None else before, 0),
            chained=chained,
        )
    strip = Strip(
        slots=stint.slots,
        counts=ones * stint.hz,
        interval_ns=ones * (NS_PER_SECOND // stint.hz),
        offset_ns=stint.offset_ns,
        before_ns=stint.before_ns,
        label_of=np.zeros(length, np.int64),
        labels=(Label(**stint.label._asdict()),),
        columns=columns,
    )
    return Kept(stint.series, stint.run, strip)


def has_housekeeping() -> bool:
    """Tell whether a server can be told to make blocks and to delete what is old."""
    return ROLE in get_args(Role)


async def compact(database: Any) -> None:
    """Turn all fresh batches into blocks, however young they are."""
    async for done in Compactor(database).compact(SLOT_STOP):
        if done.damaged:
            raise RuntimeError(f"{done.damaged} batches are damaged")


async def block_count(database: Any) -> int:
    return int(await database[batches.BLOCKS].estimated_document_count())


async def sample_bytes(database: Any) -> int:
    """Return what the samples take on disk, fresh ones and blocks together."""
    return sum(
        [
            await databases.disk_bytes(database, name)
            for name in (batches.COLLECTION, batches.BLOCKS)
        ]
    )
