"""How the store keeps samples, as far as benchmarks have to know: the only module here.

Fresh batches, blocks made of them, and how a long past gets in without waiting for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any, get_args

import numpy as np

from benchmarks import databases
from benchmarks.history import HOST, Hour
from robometrics.schema import NS_PER_SECOND, ProcessBatch
from robometrics.settings import Role
from robometrics.store import Series, Store, batches, blocks
from robometrics.store.compaction import Compactor
from robometrics.store.keys import SLOT_STOP
from robometrics.store.rollups import RESOLUTIONS, resolutions
from robometrics.store.rollups.blocks import Block, identity
from robometrics.store.rollups.folding import chunks, fold
from robometrics.store.rollups.groups import grouped
from robometrics.store.rollups.pages import Content
from robometrics.store.strips import EACH, Column, Label, Strip

ROLE = "housekeeping"
_AT_ONCE = 2_000


async def load(store: Store, database: Any, hours: Sequence[Hour]) -> None:
    """Store *hours* of one process as they lie there long after: all in blocks.

    The more at once, the cheaper is each.
    """
    await database[batches.BLOCKS].insert_many([block(hour) for hour in hours])
    contents: list[Content] = []
    for hour in hours:
        whole = list(hour.batches())
        await store.fleet.see([whole[0], whole[-1]])
        contents += _folded(whole)
    for name, resolution in RESOLUTIONS.items():
        spans: dict[int, list[Content]] = {}
        for content in contents:
            start = content.page - content.page % resolution.block
            spans.setdefault(start, []).append(content)
        for start, some in spans.items():
            mine = identity(_whose(hours[0]), start)
            known = {"_id": mine["_id"]}
            collection = database[resolutions.BLOCKS[name]]
            document = await collection.find_one(known)
            filled = Block(document or {}, resolution, start).merged(some)
            await collection.replace_one(known, mine | filled, upsert=True)


def _folded(whole: Sequence[ProcessBatch]) -> Iterator[Content]:
    """Yield what the pages of the batches would hold, once they are all folded."""
    for groups in chunks(list(grouped(whole).values())):
        for group, part in zip(groups, fold(groups), strict=True):
            yield Content(
                page=group.page,
                seal=1,
                counts={
                    str(index): {"count": count, "interval_ns": interval_ns}
                    for index, (count, interval_ns) in part.windows.items()
                },
                records={key: [each] for key, each in part.records.items()},
                buckets={key: [each] for key, each in part.buckets.items()},
            )


def _whose(hour: Hour) -> dict[str, Any]:
    series = Series(HOST, "process", hour.process)
    return {**series._asdict(), "run": hour.run, "generation": 0}


async def load_fresh(store: Store, hours: Iterable[Hour]) -> None:
    """Store *hours* as they came, and nothing else."""
    for hour in hours:
        for some in _parts(hour):
            await store.batches.insert(some)


def _parts(hour: Hour) -> Iterator[list[ProcessBatch]]:
    batches = hour.batches()
    while some := list(islice(batches, _AT_ONCE)):
        yield some


def block(hour: Hour) -> dict[str, Any]:
    """Return the document that compaction would make of *hour*."""
    return {
        **identity(_whose(hour), hour.slot),
        "start": datetime.fromtimestamp(hour.slot, timezone.utc),
        "revision": 1,
        **blocks.pack(_strip(hour)),
    }


def _strip(hour: Hour) -> Strip:
    length = len(hour.offset_ns)
    ones = np.ones(length, np.int64)
    return Strip(
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


def _shifted(values: Any, first: int) -> Any:
    """Return what was one place before each of *values*."""
    return np.concatenate([[first], values[:-1]])


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
