"""Several compact at once, beside who writes and who reads."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from servers import MongoServer
from waiting import eventually

from robometrics.errors import RetryLaterError
from robometrics.schema import AnyBatch
from robometrics.store import Store, compaction, open_store
from robometrics.store.compaction import Compactor

from .compacting import (
    END,
    PLANNER,
    START,
    Interposed,
    check_runs,
    compact,
    fresh,
    planner,
    read,
)

pytestmark = pytest.mark.usefixtures("emptied")


@pytest.mark.usefixtures("small_blocks")
async def test_several_at_once_beside_live_data_and_readers(
    store: Store, shared_mongo: MongoServer, database_name: str
) -> None:
    """No reader ever misses a batch that was stored, or sees one twice."""
    batches = [*planner(START, 120), *planner(START, 120, run="other")]
    series = PLANNER
    stored: list[AnyBatch] = []
    finished = anyio.Event()
    reads = 0

    async def insert(opened: Store) -> None:
        order = batches[::2] + batches[1::2]
        for at in range(0, len(order), 8):
            await opened.batches.insert(order[at : at + 8])
            stored.extend(order[at : at + 8])

    async def compact_again(opened: Store) -> None:
        while not finished.is_set():
            await compact(opened)

    async def look(opened: Store) -> None:
        nonlocal reads
        while not finished.is_set():
            expected = {(batch.run, batch.slot) for batch in stored}
            seen = [(b.run, b.slot) for b in await read(opened, series)]
            assert len(set(seen)) == len(seen)
            assert expected <= set(seen)
            evidence = await opened.evidence.stored(series, START, END)
            counted = {
                (run, slot)
                for (run, _), found in evidence.items()
                for slot in found.samples
            }
            assert expected <= counted
            newest = await opened.batches.newest(series)
            if expected:
                assert newest is not None
                assert newest.slot >= max(slot for _, slot in expected)
            reads += 1

    async with (
        open_store(shared_mongo.url, database_name) as second,
        open_store(shared_mongo.url, database_name) as third,
        anyio.create_task_group() as tasks,
    ):
        for opened in (store, second, third):
            tasks.start_soon(compact_again, opened)
        tasks.start_soon(look, third)
        tasks.start_soon(look, second)
        await insert(store)
        await insert(second)  # each of them again
        already = reads
        await eventually(lambda: reads > already + 3)
        finished.set()

    await compact(store)
    assert 0 == await fresh(store)
    check_runs(batches, await read(store, series))


@pytest.mark.parametrize("there", [0, 10])
async def test_who_was_slower_takes_in_what_the_faster_one_wrote(
    store: Store, there: int
) -> None:
    """Between its reading and its writing another one has gone all the way."""
    batches = planner(START, 30)
    await store.batches.insert(batches[:there])
    await compact(store)
    await store.batches.insert(batches[there:20])
    compactor = Compactor(store._database)
    meetings = 0

    async def meet(*_: Any) -> None:
        nonlocal meetings
        meetings += 1
        if meetings == 1:
            await store.batches.insert(batches[20:])
            await compact(store)

    compactor._blocks = Interposed(compactor._blocks, before=meet)
    async for _ in compactor.compact(END):
        pass

    assert meetings > 0
    assert batches == await read(store, PLANNER)
    assert 0 == await fresh(store)


async def test_who_always_is_slower_gives_up_for_now(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.batches.insert(planner(START, 5))
    await compact(store)
    await store.batches.insert(planner(START, 10))
    compactor = Compactor(store._database)
    monkeypatch.setattr(compaction, "_CONFLICT_SECONDS", 0)

    async def beaten(*_: Any) -> None:
        change = {"$inc": {"revision": 1}}
        await store._database["blocks"].update_one({}, change)

    monkeypatch.setattr(
        compactor, "_blocks", Interposed(compactor._blocks, before=beaten)
    )
    with pytest.raises(RetryLaterError, match="changes all the time"):
        async for _ in compactor.compact(END):
            pass
    assert 10 == await fresh(store)
