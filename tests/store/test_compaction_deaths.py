"""Whoever dies in the middle, and wherever: each batch is there, and once."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, WTimeoutError
from sequences import series_of
from servers import MongoServer
from waiting import eventually

from robometrics.errors import RetryLaterError
from robometrics.store import Series, Store, compaction, merging, open_store
from robometrics.store.batches import HOUR
from robometrics.store.compaction import Compactor

from .compacting import (
    END,
    PLANNER,
    START,
    Interposed,
    check_runs,
    compact,
    fresh,
    kept,
    planner,
    read,
)

pytestmark = pytest.mark.usefixtures("emptied")


class Fuse:
    """Ends a compactor at its write number *at*."""

    def __init__(self, at: int, error: Exception) -> None:
        self.left = at
        self.has_burnt = False
        self._error = error

    async def burn(self, *_: Any) -> None:
        self.left -= 1
        if self.left < 0:
            self.has_burnt = True
            raise self._error


class KilledError(Exception):
    """Stands for the end of the process."""


async def compact_until(
    store: Store, fuse: Fuse, *, when: str, before: int = END
) -> None:
    compactor = Compactor(store._database)
    step: dict[str, Any] = {when: fuse.burn}
    compactor._fresh = Interposed(compactor._fresh, **step)
    compactor._blocks = Interposed(compactor._blocks, **step)
    async for _ in compactor.compact(before):
        pass


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_whenever_one_dies_another_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """At each write in turn: into new blocks, in cuts of old ones, of deletions."""
    monkeypatch.setattr(compaction, "_READ_SAMPLES", 50)
    deaths = 0
    while True:
        name = f"p{deaths}"
        batches = planner(START, 40, process=name)
        batches += planner(START, 40, process=name, run="beside-it")
        await store.batches.insert(batches[::3])
        await compact(store)
        await store.batches.insert(batches)  # late ones and repeats
        fuse = Fuse(deaths, KilledError())
        series = Series("robot", "process", name)
        if deaths % 2:  # who goes on meets more than the dead one did
            batches += planner(START + 40, 5, process=name)
        try:
            await compact_until(store, fuse, when=when)
        except KilledError:
            await store.batches.insert(batches)
            check_runs(batches, await read(store, series))
        else:
            break

        await compact(store)

        check_runs(batches, await read(store, series))
        stored = await store.evidence.stored(series, START, END)
        assert 2 * len(batches) == sum(
            sum(found.samples.values()) for found in stored.values()
        )
        assert 0 == await fresh(store)
        blocks = [block for block in await kept(store) if block["name"] == name]
        assert len(batches) == sum(block["batches"] for block in blocks)
        deaths += 1
    assert deaths > 8


KILLED = """
import asyncio, sys
from robometrics.store import merging, compaction, open_store
from robometrics.store.compaction import Compactor

merging.BLOCK_SAMPLES_MAX = compaction._READ_SAMPLES = 20

async def main():
    async with open_store(sys.argv[1], sys.argv[2]) as store:
        async for _ in Compactor(store._database).compact(2**32):
            pass

asyncio.run(main())
"""


async def test_a_process_killed_in_the_middle_loses_nothing(
    store: Store, shared_mongo: MongoServer, database_name: str
) -> None:
    batches = [
        batch
        for n in range(20)
        for batch in planner(START + n % 4 * HOUR, 60, process=f"p{n}")
    ]
    await store.batches.insert(batches)
    everybody = [*dict.fromkeys(map(series_of, batches))]
    deaths = 0
    while await fresh(store):
        left = await fresh(store)
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, shared_mongo.url, database_name]
        )

        async def is_at_it(
            left: int = left, process: subprocess.Popen[bytes] = process
        ) -> bool:
            return process.poll() is not None or await fresh(store) < left - 100

        try:
            await eventually(is_at_it)
        finally:
            process.kill()
            process.wait()
        deaths += process.returncode < 0
        found = [b for series in everybody for b in await read(store, series)]
        assert batches == found

    assert deaths > 0
    assert 1_200 == sum(block["batches"] for block in await kept(store))


@pytest.mark.parametrize("error", [WTimeoutError("slow"), AutoReconnect("gone")])
async def test_what_is_not_confirmed_deletes_nothing(
    store: Store, error: Exception
) -> None:
    """It may have been written, or not; it may be rolled back."""
    await store.batches.insert(planner(START, 5))

    with pytest.raises(RetryLaterError):
        await compact_until(store, Fuse(0, error), when="after")

    assert (5, 1) == (await fresh(store), len(await kept(store)))
    assert planner(START, 5) == await read(store, PLANNER)
    await compact(store)
    assert planner(START, 5) == await read(store, PLANNER)
    assert 0 == await fresh(store)


async def test_a_database_killed_in_the_middle_loses_nothing(
    mongo_server: MongoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "BLOCK_SAMPLES_MAX", 20)
    batches = planner(START, 60)
    async with open_store(mongo_server.url, "robometrics") as store:
        await eventually(lambda: _answers(store))
        await store.prepare()
        await store.batches.insert(batches)
        compactor = Compactor(store._database)
        writes = 0

        async def kill(*_: Any) -> None:
            nonlocal writes
            writes += 1
            if writes == 3:
                mongo_server.kill()

        compactor._blocks = Interposed(compactor._blocks, before=kill)
        with pytest.raises(RetryLaterError):
            async for _ in compactor.compact(END):
                pass
        mongo_server.start()
        await eventually(lambda: _answers(store))

        assert (60, 2) == (await fresh(store), len(await kept(store)))
        assert batches == await read(store, PLANNER)
        await compact(store)
        assert batches == await read(store, PLANNER)
        assert (0, 6) == (await fresh(store), len(await kept(store)))


async def _answers(store: Store) -> bool:
    try:
        await store.ping()
    except RetryLaterError:
        return False
    return True
