"""A server that is away is weather, a wrong URL is not; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from builders import SLOT, event, process_batch
from servers import MongoServer
from waiting import eventually

from robometrics.errors import RetryLaterError, SettingsError
from robometrics.store import DeadLetter, Series, Store, open_store

PLANNER = Series("robot", "process", "planner")
BATCHES = [process_batch(slot=SLOT + n) for n in range(20)]
LETTER = DeadLetter(stream_sequence=1, consumer="c", subject="s", reason="r", data=b"")

WRITES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "batches": lambda store: store.batches.insert(BATCHES),
    "rollups": lambda store: store.rollups.fold(BATCHES),
    "seen": lambda store: store.fleet.see(BATCHES),
    "events": lambda store: store.fleet.record([event()]),
    "dead_letters": lambda store: store.dead_letters.insert([LETTER]),
}


async def counts(store: Store) -> dict[str, int]:
    return {
        name: await store._database[name].count_documents({})
        for name in ("batches", "events", "dead_letters", "processes")
    }


@pytest.fixture
async def killable(mongo_server: MongoServer) -> AsyncIterator[Store]:
    async with open_store(mongo_server.url, "robometrics") as store:
        await eventually(lambda: _answers(store))
        await store.prepare()
        yield store


async def _answers(store: Store) -> bool:
    try:
        await store.ping()
    except RetryLaterError:
        return False
    return True


async def _tried(write: Awaitable[object]) -> bool:
    try:
        await write
    except RetryLaterError:
        return False
    return True


async def test_writes_fail_with_retry_while_the_server_is_dead_and_work_after(
    mongo_server: MongoServer, killable: Store
) -> None:
    """All of them at once, so that the driver's patience is waited for once."""
    for write in WRITES.values():
        await write(killable)
    mongo_server.kill()

    outcomes = await asyncio.gather(
        *(_tried(write(killable)) for name, write in WRITES.items() if name != "seen"),
        _tried(killable.fleet.see([process_batch(slot=SLOT + 100)])),
        _tried(killable.prepare()),
        _tried(killable.dead_letters.count()),
        _tried(killable.fleet.hosts()),
        _tried(anext(killable.batches.read(PLANNER, SLOT, SLOT + 1))),
        _tried(anext(killable.rollups.read(PLANNER, "1m", SLOT, SLOT + 60))),
    )
    assert [False] * 10 == outcomes

    mongo_server.start()
    await eventually(lambda: _answers(killable))
    for write in WRITES.values():
        await write(killable)

    assert BATCHES == [b async for b in killable.batches.read(PLANNER, 0, SLOT + 99)]
    windows = killable.rollups.read(PLANNER, "1h", SLOT - 3600, SLOT + 3600)
    assert [2 * len(BATCHES)] == [window.stats.count async for window in windows]
    assert {"batches": 20, "events": 1, "dead_letters": 1, "processes": 1} == (
        await counts(killable)
    )


async def test_a_server_killed_under_writes_neither_loses_nor_doubles(
    mongo_server: MongoServer, killable: Store
) -> None:
    """What was confirmed is there after the crash; what was not is written again."""
    batches = [process_batch(slot=SLOT + n) for n in range(400)]

    async def write() -> int:
        confirmed = 0
        for at in range(0, len(batches), 4):
            await killable.batches.insert(batches[at : at + 4])
            await killable.rollups.fold(batches[at : at + 4])
            confirmed = at + 4
            if confirmed == 120:
                mongo_server.kill()
        return confirmed

    with pytest.raises(RetryLaterError):
        await write()
    mongo_server.start()
    await eventually(lambda: _answers(killable))

    found = [b async for b in killable.batches.read(PLANNER, 0, SLOT + 400)]
    assert batches[:120] == found[:120]
    await killable.batches.insert(batches)
    await killable.rollups.fold(batches)
    found = [b async for b in killable.batches.read(PLANNER, 0, SLOT + 400)]
    assert batches == found
    for resolution in ("10s", "1m", "1h"):
        windows = killable.rollups.read(PLANNER, resolution, SLOT - 3600, SLOT + 3600)
        assert 800 == sum([window.stats.count async for window in windows])


@pytest.mark.parametrize("name", ["events", "dead_letters"])
async def test_a_write_the_server_refuses_is_not_taken_for_a_repeat(
    store: Store, name: str
) -> None:
    """The message would be acknowledged, and be nowhere."""
    refuse = {"never": {"$exists": True}}
    await store._database.command("collMod", name, validator=refuse)

    with pytest.raises(RetryLaterError, match="validation"):
        await WRITES[name](store)

    await store._database.command("collMod", name, validator={})
    await WRITES[name](store)
    assert 1 == (await counts(store))[name]


async def test_a_batch_the_server_refuses_is_told_by_its_position(store: Store) -> None:
    refuse = {"pid": {"$ne": 13}}
    await store._database.command("collMod", "batches", validator=refuse)

    refused = await store.batches.insert(
        [process_batch(), process_batch(slot=SLOT + 1, pid=13), process_batch()]
    )

    assert [1] == [*refused]
    assert "validation" in refused[1]


@pytest.mark.parametrize(
    "url",
    [
        *("", "x://h", "http://h", "mongodb://", "mongodb://h:27017,"),
        *("mongodb://h:port", "mongodb://h:99999", "mongodb://h:0"),
        *("mongodb://u:p@w@h", "mongodb://u@h:1:2"),
    ],
)
async def test_a_wrong_url_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^mongo_url: "):
        async with open_store(url, "robometrics"):
            pass


async def test_preparing_twice_and_at_once_is_safe(
    store: Store, shared_mongo: MongoServer, database_name: str
) -> None:
    async with open_store(shared_mongo.url, database_name + "_new") as new:
        await asyncio.gather(*(new.prepare() for _ in range(4)))
    await store.batches.insert(BATCHES)

    await store.prepare()

    assert 20 == (await counts(store))["batches"]
