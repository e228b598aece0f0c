"""Windows move from pages to blocks exactly once, whoever dies, folds or reads."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from builders import SLOT, process_batch
from rollup_oracle import recomputed
from servers import MongoServer

from robometrics.errors import RetryLaterError
from robometrics.schema import AnyBatch, Previous, ProcessBatch
from robometrics.store import RESOLUTIONS, Series, Store, Window, open_store
from robometrics.store.keys import SLOT_STOP
from robometrics.store.rollups.pages import contents
from robometrics.store.rollups.reading import Reading
from robometrics.store.rollups.sealing import NEVER, SPAN_SECONDS, Sealing

PLANNER = Series("robot", "process", "planner")
HOUR = SLOT - SLOT % 3_600
ALL_TIME = (HOUR - 86_400, HOUR + 86_400)


def batch(slot: int, **changes: Any) -> ProcessBatch:
    second = slot - HOUR + 90_000
    values: dict[str, Any] = {
        "slot": slot,
        "metrics": {
            "cpu_time_ns": [second * 1_000_000, second * 1_000_000 + 400_000],
            "memory_rss_bytes": [1_000_000 + (second * 7_919) % 5_000, None],
            "thread_count": [second % 11],
        },
        "previous": Previous(
            offset_ns=-500_000_000,
            counters={"cpu_time_ns": second * 1_000_000 - 100_000},
        ),
    }
    return process_batch(**values | changes)


def batches(*minutes: int) -> list[AnyBatch]:
    """Return batches in *minutes* of the hour, every seventh second."""
    return [
        batch(HOUR + 60 * minute + second)
        for minute in minutes
        for second in range(minute % 7, 60, 7)
    ]


async def windows(store: Store, resolution: str) -> list[Window]:
    found = store.rollups.read(PLANNER, resolution, *ALL_TIME)
    return sorted(
        [window async for window in found],
        key=lambda each: (each.run, each.generation, each.start),
    )


async def assert_exact(store: Store, sent: Iterable[AnyBatch]) -> None:
    for resolution in RESOLUTIONS:
        assert recomputed(sent, resolution) == await windows(store, resolution)


async def count(store: Store, collection: str, **wanted: Any) -> int:
    found: int = await store._database[collection].count_documents(wanted)
    return found


async def open_pages(store: Store) -> int:
    return await count(store, "rollup_pages", due={"$exists": True})


async def test_what_is_sealed_reads_as_before_and_leaves_its_bits(store: Store) -> None:
    sent = batches(0, 1, 2, 59, 60, 61)
    await store.rollups.fold(sent)

    assert 6 == await store.rollups.seal(SLOT_STOP, 100)

    await assert_exact(store, sent)
    assert 0 == await store.rollups.seal(SLOT_STOP, 100)
    assert 6 == await count(store, "rollup_pages")
    assert {"rollups_10s": 2, "rollups_1m": 1, "rollups_1h": 1} == {
        f"rollups_{name}": await count(store, f"rollups_{name}") for name in RESOLUTIONS
    }
    page = await store._database["rollup_pages"].find_one()
    assert {"seen", "seal"} == {*page} & {
        *("seen", "seal", "due", "frozen", "w", "m", "q")
    }
    await store.rollups.fold(sent)
    assert 0 == await open_pages(store)


async def test_only_what_ended_in_time_is_sealed_the_oldest_first(store: Store) -> None:
    sent = batches(0, 1, 2)
    await store.rollups.fold([*sent, *batches(-61)])

    assert 0 == await store.rollups.seal(HOUR - 3_601, 9)
    assert 1 == await store.rollups.seal(HOUR + 119, 1)
    assert 3 == await open_pages(store)
    assert 1 == await store.rollups.seal(HOUR + 119, 9)
    assert 2 == await open_pages(store)
    assert 2 == await store.rollups.seal(HOUR + 180, 9)
    await assert_exact(store, [*sent, *batches(-61)])


async def test_late_data_of_any_age_is_sealed_again_and_merges(store: Store) -> None:
    sent = batches(3, 4)
    await store.rollups.fold(sent[::2])
    await store.rollups.seal(SLOT_STOP, 9)

    await store.rollups.fold(sent)
    await assert_exact(store, sent)
    assert 2 == await store.rollups.seal(SLOT_STOP, 9)

    await assert_exact(store, sent)


@pytest.mark.parametrize("changes", [{"run": "other"}, {"generation": 1}])
async def test_runs_and_generations_have_blocks_of_their_own(
    store: Store, changes: dict[str, Any]
) -> None:
    sent = [batch(HOUR), batch(HOUR, **changes)]
    await store.rollups.fold(sent)

    assert 2 == await store.rollups.seal(SLOT_STOP, 9)

    await assert_exact(store, sent)
    assert 2 == await count(store, "rollups_1h")


async def test_people_see_whose_a_block_is_and_how_much_is_in_it(store: Store) -> None:
    await store.rollups.fold(batches(0, 1))
    await store.rollups.seal(SLOT_STOP, 9)

    block = await store._database["rollups_1m"].find_one()

    assert ("robot", "process", "planner", "ab12cd34-42-777", 60, 2, 36) == tuple(
        block[name]
        for name in (
            *("host", "kind", "name", "run"),
            *("window_seconds", "windows", "samples"),
        )
    )
    assert block["start"].timestamp() <= HOUR
    assert {"cpu_time_ns", "memory_rss_bytes", "thread_count"} == {*block["m"]}


@pytest.mark.parametrize("seed", range(3))
async def test_sealers_folders_and_readers_at_once_come_out_exact(
    store: Store, shared_mongo: MongoServer, database_name: str, seed: int
) -> None:
    order = random.Random(seed)  # noqa: S311  an order, no secret
    early, late = batches(0, 1, 2, 3), batches(-60, 4, 60)
    late += [batch(each.slot + 1) for each in early]
    await store.rollups.fold(early)
    folding = True

    async def fold(rollups: Any) -> None:
        for each in order.sample(late, len(late)):
            await rollups.fold([each])

    async def seal(rollups: Any) -> None:
        while folding:
            await rollups.seal(SLOT_STOP, 3)
            await asyncio.sleep(0)

    async def read() -> None:
        resolution = order.choice(list(RESOLUTIONS))
        samples = 0
        while folding:
            found = sum(each.stats.count for each in await windows(store, resolution))
            assert max(samples, 2 * len(early)) <= found
            assert found <= 2 * len(early + late)
            samples = found

    async with (
        open_store(shared_mongo.url, database_name) as second,
        open_store(shared_mongo.url, database_name) as third,
    ):
        others = [
            asyncio.create_task(work)
            for work in (
                *(seal(each.rollups) for each in (store, second, third)),
                *(read() for _ in range(2)),
            )
        ]
        await asyncio.gather(*(fold(each.rollups) for each in (second, third)))
        folding = False
        await asyncio.gather(*others)

    await assert_exact(store, early + late)
    await store.rollups.seal(SLOT_STOP, 100)
    await assert_exact(store, early + late)
    assert 0 == await open_pages(store)


class DiedError(Exception):
    """A sealer ends here."""


STEPS = [
    *(
        f"{when} {step}"
        for step in ("_freeze", "_drop")
        for when in ("before", "after")
    ),
    *(f"{when} _merge {number}" for number in range(3) for when in ("before", "after")),
]


def dying(sealing: Sealing, step: str) -> Sealing:
    """Return *sealing*, that will end before or after one of its steps."""
    when, name, *number = step.split()
    left = int(number[0]) if number else 0
    does = getattr(sealing, name)

    async def do(*args: Any) -> Any:
        nonlocal left
        if left == 0 and when == "before":
            raise DiedError
        done = await does(*args)
        left -= 1
        if left < 0:
            raise DiedError
        return done

    setattr(sealing, name, do)
    return sealing


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_who_dies_at_any_step_leaves_what_the_next_one_finishes(
    store: Store, step: str, late: bool
) -> None:
    sent = batches(0, 1)
    await store.rollups.fold(sent[::2])
    with pytest.raises(DiedError):
        await dying(Sealing(store._database), step).seal(SLOT_STOP, 9)
    await assert_exact(store, sent[::2])
    if late:
        await store.rollups.fold(sent[1::2])
        await assert_exact(store, sent)
    sent = sent if late else sent[::2]

    while await store.rollups.seal(SLOT_STOP, 9):
        await assert_exact(store, sent)

    await assert_exact(store, sent)
    assert 0 == await open_pages(store)


async def test_who_slept_through_two_seals_changes_nothing(store: Store) -> None:
    sent = batches(0)
    await store.rollups.fold(sent[::2])
    sleeper = Sealing(store._database)
    with pytest.raises(DiedError):
        await dying(Sealing(store._database), "after _freeze").seal(SLOT_STOP, 9)
    page = await store._database["rollup_pages"].find_one()
    await store.rollups.seal(SLOT_STOP, 9)
    await store.rollups.fold(sent[1::2])
    with pytest.raises(DiedError):
        await dying(Sealing(store._database), "after _freeze").seal(SLOT_STOP, 9)

    for resolution in RESOLUTIONS:
        assert await sleeper._merge(resolution, page, contents(page))
    await sleeper._drop([page])

    await assert_exact(store, sent)
    await store.rollups.seal(SLOT_STOP, 9)
    await assert_exact(store, sent)


Meanwhile = Callable[[Store], Awaitable[object]]


async def _die(store: Store, step: str) -> None:
    with pytest.raises(DiedError):
        await dying(Sealing(store._database), step).seal(SLOT_STOP, 9)


async def _seal_twice(store: Store) -> None:
    await store.rollups.seal(SLOT_STOP, 9)
    await store.rollups.fold([batch(HOUR + 59)])
    await store.rollups.seal(SLOT_STOP, 9)


MEANWHILE: dict[str, Meanwhile] = {
    "sealed": lambda store: store.rollups.seal(SLOT_STOP, 9),
    "sealed-twice": _seal_twice,
    "frozen": lambda store: _die(store, "after _freeze"),
    "merged-once": lambda store: _die(store, "after _merge 0"),
    "merged": lambda store: _die(store, "after _merge 2"),
    "dropped": lambda store: _die(store, "after _drop"),
}


@pytest.mark.parametrize("before", ["open", "frozen", "frozen-and-open", "merged-once"])
@pytest.mark.parametrize("meanwhile", MEANWHILE)
async def test_a_reader_misses_and_doubles_nothing_that_moves_under_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, before: str, meanwhile: str
) -> None:
    """It has read the pages, and not yet the blocks."""
    sent = batches(0, 1)
    if before == "open":
        await store.rollups.fold(sent)
    else:
        half = sent[::2] if before == "frozen-and-open" else sent
        await store.rollups.fold(half)
        await MEANWHILE["merged-once" if before == "merged-once" else "frozen"](store)
        await store.rollups.fold(sent)
    read_blocks = Reading.blocks
    moved = False

    async def blocks(self: Reading, *args: Any) -> Any:
        nonlocal moved
        if not moved:
            moved = True
            await MEANWHILE[meanwhile](store)
        return await read_blocks(self, *args)

    monkeypatch.setattr(Reading, "blocks", blocks)
    for resolution in RESOLUTIONS:
        found = await windows(store, resolution)
        also = [batch(HOUR + 59)] if meanwhile == "sealed-twice" else []
        assert recomputed([*sent, *also], resolution) == found


@pytest.mark.parametrize("resolution", RESOLUTIONS)
async def test_what_no_block_takes_stays_readable_and_holds_up_nobody(
    store: Store, resolution: str
) -> None:
    refuse = {"name": {"$ne": "planner"}}
    blocks = f"rollups_{resolution}"
    await store._database.command("collMod", blocks, validator=refuse)
    sent = batches(0, 1)
    await store.rollups.fold([*sent, process_batch(process="other")])

    assert 3 == await store.rollups.seal(SLOT_STOP - 1, 9)

    await assert_exact(store, sent)
    assert 2 == await open_pages(store)
    assert 0 == await store.rollups.seal(SLOT_STOP - 1, 9)
    await store.rollups.fold(batches(0, 1, 2))
    assert 1 == await store.rollups.seal(SLOT_STOP - 1, 9)
    await assert_exact(store, batches(0, 1, 2))
    assert NEVER == SLOT_STOP

    await store._database.command("collMod", blocks, validator={})
    assert 3 == await store.rollups.seal(SLOT_STOP, 9)
    await assert_exact(store, batches(0, 1, 2))


async def test_a_page_deleted_and_made_anew_is_not_taken_for_the_old_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As retention does, while blocks of longer windows are kept."""
    first, later = batches(0)[:4], batches(0)[4:]
    now = 1_800_000_000
    monkeypatch.setattr("time.time", lambda: now)
    await store.rollups.fold(first)
    await store.rollups.seal(SLOT_STOP, 9)
    await store._database["rollup_pages"].delete_many({})
    now += 86_400

    await store.rollups.fold(later)

    await assert_exact(store, first + later)
    await store.rollups.seal(SLOT_STOP, 9)
    await assert_exact(store, first + later)


async def test_sealing_while_the_server_is_away_is_tried_later(
    mongo_server: MongoServer,
) -> None:
    async with open_store(mongo_server.url, "robometrics") as store:
        await store.prepare()
        await store.rollups.fold(batches(0))
        mongo_server.kill()
        with pytest.raises(RetryLaterError):
            await store.rollups.seal(SLOT_STOP, 9)
        mongo_server.start()

        assert 1 == await store.rollups.seal(SLOT_STOP, 9)

        await assert_exact(store, batches(0))


def test_pages_that_are_sealed_together_share_their_blocks() -> None:
    assert {0} == {each.block % SPAN_SECONDS for each in RESOLUTIONS.values()}
