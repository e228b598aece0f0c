"""Compaction: whoever reads, dies or comes late, each batch is there, and once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from audited import MINUTE, Audited, minutes
from builders import SLOT, gpu_batch, host_batch, process_batch
from pymongo.errors import AutoReconnect, WTimeoutError
from sequences import series_of
from servers import MongoServer
from waiting import eventually

from robometrics.errors import DiscardMessageError, RetryLaterError
from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store import Series, Store, compaction, merging, open_store
from robometrics.store.batch_documents import batch_id
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


async def told(store: Store, series: Series) -> dict[str, Any]:
    """Return all that can be asked of *series*, as what can be compared."""
    strips = []
    async for hour in store.batches.strips(series, START, END, ["cpu_time_ns"]):
        for run, generation, strip in hour:
            found = strip.samples("cpu_time_ns")
            columns = [] if found is None else [column.tolist() for column in found]
            strips.append([run, generation, strip.slots.tolist(), columns])
    stored = await store.evidence.stored(series, START + 10, END)
    return {
        "batches": await read(store, series),
        "inside": await read(store, series, SLOT + 7),
        "strips": sorted(strips),
        "newest": await store.batches.newest(series),
        "stored": {run: dict(found.samples) for run, found in stored.items()},
    }


HOSTILE = ["*", ">", "a b", "é", "..", "$where", "\0", "a/b", "0"]
SITE: list[AnyBatch] = [
    *planner(START, 40),
    *planner(START + 20, 40, run="beside-it"),  # the same name, twice at once
    *planner(START + 50, 5, generation=1),  # the clock was set back
    *planner(START + 3 * HOUR - 20, 40),
    *(host_batch(slot=START + n) for n in range(0, 3 * HOUR, 400)),
    *(gpu_batch(slot=START + n, uuid=f"GPU-{n // 9}") for n in range(30)),
    *(gpu_batch(slot=START + n, index=1, model="x" * n) for n in range(20)),
    *(
        process_batch(slot=START + n, process=name, host=host, metrics={}, pid=n + 1)
        for name in HOSTILE
        for host in ("robot", name)
        for n in range(2)
    ),
    process_batch(slot=START + 5, process="odd", metrics={"a": [-(2**63), 2**63 - 1]}),
]


async def test_who_reads_sees_no_difference(store: Store) -> None:
    await store.batches.insert(SITE)
    everybody = [*dict.fromkeys(map(series_of, SITE))]
    before = {series: await told(store, series) for series in everybody}

    done = await compact(store)

    assert (len(SITE), 0) == (done.batches, done.damaged)
    assert 0 == await fresh(store)
    assert done.blocks == len(await kept(store)) < len(SITE) / 3
    for series in everybody:
        assert before[series] == await told(store, series)
    again = await compact(store)
    assert Compacted() == again


async def test_an_audit_sees_no_difference(store: Store) -> None:
    audited = Audited(store)
    batches = minutes()
    await audited.keep(*batches)
    await audited.tell(*batches)
    before = await audited.audit()

    await compact(store)

    assert before == await audited.audit()
    assert MINUTE < END


@pytest.mark.parametrize(
    ("before", "hours"),
    [
        *((0, 0), (START + HOUR - 1, 0), (START + HOUR, 1), (START + HOUR + 1, 1)),
        *((START + 3 * HOUR - 1, 1), (START + 3 * HOUR, 2), (2**40, 3)),
    ],
)
async def test_only_hours_that_are_over_are_compacted(
    store: Store, before: int, hours: int
) -> None:
    begins = [START, START + 2 * HOUR, START + 5 * HOUR]
    batches = [b for start in begins for b in planner(start, 3)]
    await store.batches.insert(batches)

    await compact(store, before)

    assert begins[:hours] == [round(b["start"].timestamp()) for b in await kept(store)]
    assert 3 * (3 - hours) == await fresh(store)
    assert batches == await read(store, PLANNER)


async def test_late_batches_come_into_the_blocks_that_are_there(store: Store) -> None:
    """A robot that was out of reach sends what it has, hours later."""
    batches = planner(START, 60)
    for part in (batches[10::3], batches[::3], batches[1::3], batches[2::3]):
        await store.batches.insert(part)
        known = {batch.slot: batch for batch in await read(store, PLANNER)}
        assert {batch.slot for batch in part} <= known.keys()
        await compact(store)
        assert [*known.values()] == await read(store, PLANNER)

    [block] = await kept(store)
    assert (60, 4) == (block["batches"], block["revision"])
    assert batches == await read(store, PLANNER)


async def test_a_repeat_of_what_is_in_a_block_counts_once_and_vanishes(
    store: Store,
) -> None:
    """The broker delivers again what a consumer had stored before it died."""
    batches = planner(START, 30)
    await store.batches.insert(batches)
    await compact(store)
    before = await told(store, PLANNER)

    assert {} == await store.batches.insert(batches[5:15])

    assert before == await told(store, PLANNER)
    done = await compact(store)
    assert (10, 0) == (done.batches, done.blocks)
    assert before == await told(store, PLANNER)
    assert 0 == await fresh(store)


@pytest.mark.parametrize("first", ["aa", "bb", "cc", "dd"])
async def test_the_newest_is_that_of_the_run_that_went_on_for_longest(
    store: Store, first: str
) -> None:
    """Blocks of one hour lie in no order of time."""
    for run in ("aa", "bb", "cc", "dd"):
        count = 9 if run == first else 2
        await store.batches.insert(planner(START, count, run=run))
    await compact(store)

    assert planner(START, 9, run=first)[-1] == await store.batches.newest(PLANNER)

    late = planner(START + HOUR, 1, run="aa")[0]
    await store.batches.insert([late])
    assert late == await store.batches.newest(PLANNER)


# A run with very much in an hour


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "BLOCK_SAMPLES_MAX", 20)


@pytest.mark.usefixtures("small_blocks")
async def test_a_run_with_very_much_in_an_hour_gets_several_blocks(
    store: Store,
) -> None:
    batches = planner(START, 95)
    await store.batches.insert(batches)
    before = await told(store, PLANNER)

    await compact(store)

    starts = [round(block["start"].timestamp()) for block in await kept(store)]
    assert [START + n for n in range(0, 95, 10)] == starts
    assert before == await told(store, PLANNER)
    for start, stop in ((0, 1), (9, 11), (10, 20), (15, 38), (94, 99)):
        found = store.batches.read(PLANNER, START + start, START + stop)
        assert batches[start:stop] == [batch async for batch in found]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("readings", [4, 15, 1_000])
async def test_late_batches_come_into_several_blocks(
    store: Store, monkeypatch: pytest.MonkeyPatch, readings: int
) -> None:
    """However few are read at once."""
    monkeypatch.setattr(compaction, "_READ_SAMPLES", readings)
    batches = planner(START, 90)
    for step in range(4):
        await store.batches.insert(batches[step::4])
        done = await compact(store)
        assert len(batches[step::4]) == done.batches
        assert 0 == await fresh(store)

    assert batches == await read(store, PLANNER)
    sizes = [block["samples"] for block in await kept(store)]
    assert 180 == sum(sizes)
    assert max(sizes) <= 20


# Several at once


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
    _check_runs(batches, await read(store, series))


def _check_runs(expected: list[AnyBatch], found: list[AnyBatch]) -> None:
    def by_run(batches: list[AnyBatch]) -> list[AnyBatch]:
        return sorted(batches, key=lambda batch: (batch.run, batch.slot))

    assert by_run(expected) == by_run(found)


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


# Dying

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
            _check_runs(batches, await read(store, series))
        else:
            break

        await compact(store)

        _check_runs(batches, await read(store, series))
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


# A database that does not confirm


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


# What is damaged


@pytest.mark.parametrize(
    "damage",
    [
        *({"$set": {"layout": "x"}}, {"$set": {"data": b""}}, {"$unset": {"data": 1}}),
        *({"$unset": {"run": 1}}, {"$unset": {"host": 1}}, {"$set": {"run": "zz"}}),
        *({"$unset": {"count": 1, "layout": 1}}, {"$set": {"generation": "0"}}),
        {"$set": {"host": 7, "interval_ns": "x"}},
    ],
    ids=str,
)
async def test_a_damaged_batch_stays_is_told_and_stops_nothing(
    store: Store, caplog: pytest.LogCaptureFixture, damage: dict[str, Any]
) -> None:
    batches = planner(START, 10)
    later, others = planner(START + HOUR, 3), planner(START, 3, process="other")
    await store.batches.insert([*batches, *later, *others])
    spoiled = {"_id": batch_id(batches[0])}
    await store._database["batches"].update_one(spoiled, damage)

    done = await compact(store)

    assert (15, 1) == (done.batches, done.damaged)
    assert batch_id(batches[0]).hex() in caplog.text
    assert [batches[0].slot] == [
        int.from_bytes(document["_id"][12:16], "big")
        async for document in store._database["batches"].find({})
    ]
    await store._database["batches"].delete_many({})
    assert [*batches[1:], *later] == await read(store, PLANNER)
    assert others == await read(store, Series("robot", "process", "other"))


@pytest.mark.parametrize(
    "damage",
    [
        *({"$set": {"rows": b"x"}}, {"$set": {"version": 2}}, {"$unset": {"rows": 1}}),
        *({"$set": {"metrics.cpu_time_ns": b""}}, {"$unset": {"revision": 1}}),
        *({"$set": {"labels": []}}, {"$set": {"name": "x"}}),
        *({"$set": {"run": "x"}}, {"$unset": {"generation": 1}}),
    ],
    ids=str,
)
async def test_a_damaged_block_is_left_alone_and_stops_nothing(
    store: Store, caplog: pytest.LogCaptureFixture, damage: dict[str, Any]
) -> None:
    """Nor one that a later version wrote, while servers are replaced one by one."""
    await store.batches.insert(planner(START, 5))
    await compact(store)
    await store._database["blocks"].update_one({}, damage)
    [block] = await kept(store)
    beside = planner(START, 5, run="beside-it")
    others = planner(START + 5, 3, process="zz")
    await store.batches.insert([*planner(START, 9), *beside, *others])

    done = await compact(store)

    assert (8, 1) == (done.batches, done.damaged)
    assert block["_id"].hex() in caplog.text
    assert block in await kept(store)
    assert 9 == await fresh(store)
    assert others == await read(store, Series("robot", "process", "zz"))


@pytest.mark.parametrize(
    ("collection", "damage"),
    [
        *(("batches", {"$set": {"layout": "x"}}), ("batches", {"$unset": {"run": 1}})),
        *(("blocks", {"$set": {"rows": b"x"}}), ("blocks", {"$unset": {"run": 1}})),
    ],
)
async def test_what_is_damaged_is_told_to_who_reads_it(
    store: Store, collection: str, damage: dict[str, Any]
) -> None:
    await store.batches.insert(planner(START, 5))
    if collection == "blocks":
        await compact(store)
    await store._database[collection].update_many({}, damage)

    with pytest.raises(DiscardMessageError):
        await read(store, PLANNER)
    with pytest.raises(DiscardMessageError):
        await store.batches.newest(PLANNER)


async def test_an_audit_does_not_count_what_cannot_be_read(store: Store) -> None:
    await store.batches.insert(planner(START, 5))
    await compact(store)
    change = {"$set": {"rows": b"x"}}
    await store._database["blocks"].update_one({}, change)

    assert {} == await store.evidence.stored(PLANNER, START, END)


@pytest.fixture(autouse=True)
async def _empty(store: Store) -> AsyncIterator[None]:
    """Leave no database behind that only takes room."""
    yield
    await store._database.client.drop_database(store._database.name)
