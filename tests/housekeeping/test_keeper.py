"""One housekeeper works, whoever dies or goes away, and it says how it is."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from builders import process_batch
from servers import MongoServer, free_port
from waiting import eventually

from robometrics.cli.server import server
from robometrics.housekeeping import keeper as module
from robometrics.housekeeping.jobs import Job, Step, jobs_of
from robometrics.housekeeping.keeper import Housekeeper
from robometrics.keeping import Policy
from robometrics.settings import ServerSettings
from robometrics.store import Series, Store, open_store
from robometrics.store.house import LEASE
from robometrics.store.marks import MarkBook

HOUR, DAY = 3_600, 86_400
PLANNER = Series("robot", "process", "planner")
FOREVER = Policy(dict.fromkeys(("raw", "10s", "1m", "1h"), 0.0), ())
QUICK = 0.05


def hour_ago(hours: int = 3) -> int:
    now = int(time.time())
    return now - now % HOUR - hours * HOUR


async def keep_hours(store: Store, *hours: int) -> None:
    """Store ten batches in each of *hours* ago."""
    await store.batches.insert(
        [process_batch(slot=hour_ago(hour) + n) for hour in hours for n in range(10)]
    )


async def fresh(store: Store) -> int:
    return int(await store._database["batches"].count_documents({}))


def keeper_of(
    store: Store, policy: Policy = FOREVER, *, lease_seconds: float = 60
) -> Housekeeper:
    jobs = jobs_of(store, policy, compact_after_seconds=0)
    return Housekeeper(store, jobs, round_seconds=QUICK, lease_seconds=lease_seconds)


def is_done(keeper: Housekeeper) -> bool:
    return {"compaction", "retention"} <= keeper.state.last_done.keys()


@asynccontextmanager
async def keeping(*keepers: Housekeeper) -> AsyncIterator[None]:
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        for keeper in keepers:
            tg.start_soon(keeper.run, stop)
        yield
        stop.set()


async def test_what_is_over_is_compacted_and_told(store: Store) -> None:
    await keep_hours(store, 2, 3)
    keeper = keeper_of(store)

    async with keeping(keeper):
        await eventually(lambda: is_done(keeper))

    assert 0 == await fresh(store)
    assert 20 == len([b async for b in store.batches.read(PLANNER, 0, 2**31)])
    assert (20, 2) == (
        keeper.state.done["compaction_batches"],
        keeper.state.done["compaction_blocks"],
    )
    assert ("", 0.0, 0) == (
        keeper.state.problem,
        keeper.state.backlog_seconds,
        keeper.state.damaged_documents,
    )
    assert abs(keeper.state.last_done["compaction"] - time.time()) < 60


async def test_what_is_too_old_is_deleted(store: Store) -> None:
    await keep_hours(store, 2, 100)
    one_day = Policy({"raw": 1.0, "10s": 1.0, "1m": 1.0, "1h": 1.0}, ())
    keeper = keeper_of(store, one_day)

    async with keeping(keeper):
        await eventually(lambda: is_done(keeper))

    assert keeper.state.done["retention_documents"]
    assert 10 == len([b async for b in store.batches.read(PLANNER, 0, 2**31)])
    marks = await MarkBook(store._database).read(PLANNER)
    assert marks.before("raw") > hour_ago(100)


async def test_of_two_one_works_and_the_other_one_follows(store: Store) -> None:
    first, second = keeper_of(store), keeper_of(store)
    async with keeping(second):
        async with keeping(first):
            await eventually(lambda: is_done(first) or is_done(second))
            await eventually(lambda: first.state.holder == second.state.holder != "")
            working = [each.state.is_keeping for each in (first, second)]
        await keep_hours(store, 2)

        async def done() -> bool:
            return not await fresh(store)

        await eventually(done)

    assert [False, True] == sorted(working)
    assert second.state.is_keeping


@contextmanager
def lone_keeper(url: str, database: str) -> Iterator[subprocess.Popen[bytes]]:
    program = Path(__file__).with_name("lone_keeper.py")
    process = subprocess.Popen([sys.executable, str(program), url, database])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_when_the_one_that_works_dies_or_hangs_another_one_takes_over(
    store: Store, shared_mongo: MongoServer, database_name: str, how: signal.Signals
) -> None:
    keeper = keeper_of(store, lease_seconds=1)
    with lone_keeper(shared_mongo.url, database_name) as other:

        async def holder() -> str:
            held = await store.lease(LEASE).read()
            return held.holder if held and held.seconds_left > 0 else ""

        await eventually(holder)
        assert f"/{other.pid}/" in await holder()
        async with keeping(keeper):
            await eventually(lambda: f"/{other.pid}/" in keeper.state.holder)
            os.kill(other.pid, how)
            await keep_hours(store, 2)
            await eventually(lambda: keeper.state.is_keeping)

            async def done() -> bool:
                return not await fresh(store)

            await eventually(done)
            if how is signal.SIGSTOP:  # it finds that it is not its any more
                os.kill(other.pid, signal.SIGCONT)
            await keep_hours(store, 3)
            await eventually(done)


async def test_while_the_database_is_away_it_waits_and_says_so(
    mongo_server: MongoServer, database_name: str
) -> None:
    async with open_store(mongo_server.url, database_name) as store:
        await store.prepare()
        await keep_hours(store, 2)
        mongo_server.kill()
        keeper = keeper_of(store, lease_seconds=1)
        async with keeping(keeper):
            await eventually(lambda: "MongoDB" in keeper.state.problem)
            mongo_server.start()
            await eventually(lambda: is_done(keeper))
            assert "" == keeper.state.problem
            mongo_server.kill()
            await eventually(lambda: "MongoDB" in keeper.state.problem)
            mongo_server.start()
            await eventually(lambda: not keeper.state.problem)
        assert 0 == await fresh(store)


async def test_a_job_that_fails_holds_up_no_other_one(store: Store) -> None:
    async def broken(now: int) -> AsyncGenerator[Step, None]:
        yield Step({"things": 1})
        raise ValueError(now)

    await keep_hours(store, 2)
    jobs = jobs_of(store, FOREVER, compact_after_seconds=0)
    keeper = Housekeeper(store, [Job("broken", 0, broken), *jobs], round_seconds=QUICK)

    async with keeping(keeper):
        await eventually(lambda: "broken: ValueError" in keeper.state.problem)

        async def done() -> bool:
            return not await fresh(store)

        await eventually(done)

    assert "broken" not in keeper.state.last_done


async def test_jobs_take_turns_however_long_one_of_them_takes(store: Store) -> None:
    """A disk that fills must not wait until an outage's backlog is compacted."""
    order: list[str] = []

    def endless(name: str) -> Job:
        async def work(now: int) -> AsyncGenerator[Step, None]:
            while True:
                order.append(name)
                yield Step({})

        return Job(name, 0, work)

    keeper = Housekeeper(store, [endless("a"), endless("b")], round_seconds=QUICK)
    async with keeping(keeper):
        await eventually(lambda: len(order) > 20)

    middle = order[2:20]
    assert 9 == middle.count("a")
    assert {("a", "b"), ("b", "a")} == set(pairwise(middle))


async def test_how_far_it_is_behind_is_told_while_it_is(store: Store) -> None:
    async def late(now: int) -> AsyncGenerator[Step, None]:
        yield Step({}, lag_seconds=7_200.0)
        await anyio.sleep_forever()

    keeper = Housekeeper(store, [Job("late", 0, late)], round_seconds=QUICK)
    async with anyio.create_task_group() as tg:
        tg.start_soon(keeper.run, anyio.Event())
        await eventually(lambda: keeper.state.backlog_seconds == 7_200)
        tg.cancel_scope.cancel()


async def test_what_is_damaged_is_counted_and_stays(store: Store) -> None:
    await keep_hours(store, 2, 3)
    collection = store._database["batches"]
    spoiled = await collection.find_one({})
    await collection.update_one({"_id": spoiled["_id"]}, {"$set": {"data": b"\0"}})
    keeper = keeper_of(store)

    async with keeping(keeper):
        await eventually(lambda: is_done(keeper))
        await eventually(lambda: keeper.state.damaged_documents)

    assert 1 == keeper.state.damaged_documents
    assert spoiled["_id"] == (await collection.find_one({}))["_id"]
    assert 1 == await fresh(store)


async def test_a_damaged_block_holds_up_its_own_hour_alone(store: Store) -> None:
    await keep_hours(store, 3)
    async for _ in store.compactor.compact(hour_ago(1)):
        pass
    await store._database["blocks"].update_one({}, {"$set": {"rows": b"\0"}})
    late = process_batch(slot=hour_ago(3) + 20)
    other = process_batch(slot=hour_ago(2))
    await store.batches.insert([late, other])
    keeper = keeper_of(store)

    async with keeping(keeper):
        await eventually(lambda: is_done(keeper))

    assert ("", 1) == (keeper.state.problem, keeper.state.damaged_documents)
    assert 1 == await fresh(store)


async def test_a_wrong_clock_deletes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_hours(store, 100)
    asked: list[float] = []

    def wrong() -> float:
        asked.append(10.0**9)
        return asked[-1]

    monkeypatch.setattr(module.time, "time", wrong)
    keeper = keeper_of(store, Policy({"raw": 1, "10s": 1, "1m": 1, "1h": 1}, ()))

    async with keeping(keeper):
        await eventually(lambda: "clocks" in keeper.state.problem)
        await eventually(lambda: len(asked) > 6)

    assert not keeper.state.last_done
    assert 10 == await fresh(store)


async def test_at_the_end_it_finishes_a_step_and_lets_another_one_have_it(
    store: Store,
) -> None:
    begun = anyio.Event()
    finished: list[int] = []

    async def slow(now: int) -> AsyncGenerator[Step, None]:
        begun.set()
        await asyncio.sleep(0.2)
        finished.append(now)
        yield Step({})
        finished.append(-1)

    keeper = Housekeeper(store, [Job("slow", 0, slow)], round_seconds=QUICK)
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(keeper.run, stop)
        await begun.wait()
        stop.set()

    assert 1 == len(finished)
    held = await store.lease(LEASE).read()
    assert held is not None
    assert held.seconds_left <= 0


async def test_the_role_keeps_house_though_the_broker_is_away(
    shared_mongo: MongoServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_ROUND_SECONDS", QUICK)
    settings = ServerSettings(
        nats_url=f"nats://127.0.0.1:{free_port()}",
        mongo_url=shared_mongo.url,
        mongo_database=database_name,
        roles=("housekeeping",),
    )
    stop = anyio.Event()
    async with open_store(shared_mongo.url, database_name) as store:
        await store.prepare()
        await keep_hours(store, 3)

        async def done() -> bool:
            return not await fresh(store)

        async with anyio.create_task_group() as tg:
            tg.start_soon(server, settings, stop)
            await eventually(done)
            stop.set()
