"""Rollups that are not what the batches make are found, told, and put right."""

from __future__ import annotations

from typing import Any

import pytest
from audited import MINUTE, Audited, minutes
from builders import SLOT, gpu_batch, process_batch

from robometrics.errors import NotFoundError
from robometrics.store import RESOLUTIONS, Series, Store
from robometrics.store.keys import SLOT_STOP
from robometrics.store.rebuilding import DIFFERENCES_MAX, Rebuilt, rebuild
from robometrics.store.rollups.packing import pack_rows, unpack_rows
from robometrics.store.rollups.sealing import Sealing

PLANNER = Series("robot", "process", "planner")
HOUR = SLOT - SLOT % 3_600


@pytest.fixture(params=[False, True], ids=["folded", "sealed"])
async def robot(request: pytest.FixtureRequest, store: Store) -> Audited:
    """Three minutes of a host, a process and a GPU, all of it as it should be."""
    audited = Audited(store)
    await audited.keep(*minutes(), gpu_batch(slot=MINUTE))
    if request.param:
        await store.rollups.seal(SLOT_STOP, 100)
    return audited


async def rebuilt(robot: Audited, *, repair: bool = False) -> Rebuilt:
    return await rebuild(robot.store, "robot", MINUTE, MINUTE + 180, repair=repair)


def found(result: Rebuilt) -> set[tuple[str, str, int, str]]:
    return {
        (each.name, each.resolution, each.difference.start, each.difference.what)
        for each in result.found
    }


async def spoil(store: Store) -> None:
    """Change a minimum in a page, as a fault would."""
    pages = store._database["rollup_pages"]
    page = await pages.find_one({"name": "planner"})
    records = [bytearray(each) for each in page["m"]["memory_rss_bytes"]]
    records[0][6] ^= 0x80  # the lowest byte of `low`
    spoiled = [bytes(each) for each in records]
    await pages.update_one(
        {"_id": page["_id"]}, {"$set": {"m.memory_rss_bytes": spoiled}}
    )


async def kept(store: Store) -> dict[str, Any]:
    found = {}
    for name in RESOLUTIONS:
        windows = store.rollups.read(PLANNER, name, HOUR, HOUR + 3_600)
        found[name] = [window async for window in windows]
    return found


async def test_what_is_as_it_should_be_is_equal(robot: Audited) -> None:
    result = await rebuilt(robot)

    assert (True, 361, [], 0) == (
        result.is_equal,
        result.batches,
        result.found,
        result.differing,
    )
    assert 2 * (18 + 1 + 3 + 1) < result.windows
    with pytest.raises(NotFoundError, match="nobody"):
        await rebuild(robot.store, "nobody", MINUTE, SLOT)


async def test_a_batch_that_was_not_folded_is_told_and_folded(store: Store) -> None:
    robot = Audited(store)
    lost = process_batch(slot=MINUTE + 70)
    await robot.keep(*(each for each in minutes() if each != lost))
    await store.batches.insert([lost])

    result = await rebuilt(robot)
    assert (1, 0, False) == (result.not_folded, result.differing, result.is_equal)

    result = await rebuilt(robot, repair=True)
    assert (0, 0, True) == (result.not_folded, result.differing, result.is_equal)
    assert (await rebuilt(robot)).is_equal
    assert 2 * 180 == (await kept(store))["1h"][0].stats.count


@pytest.mark.parametrize(("until", "missing"), [(60, 0), (61, 1), (180, 1)])
async def test_what_is_younger_than_the_range_is_not_taken_for_missing(
    store: Store, until: int, missing: int
) -> None:
    """A live host always has a second that is stored and not folded yet."""
    robot = Audited(store)
    late = process_batch(slot=MINUTE + 60)
    await robot.keep(*minutes(1))
    await store.batches.insert([late])

    result = await rebuild(store, "robot", MINUTE, MINUTE + until)

    assert (missing, not missing) == (result.not_folded, result.is_equal)


async def test_a_wrong_window_in_a_page_is_told_and_replaced(store: Store) -> None:
    robot = Audited(store)
    await robot.keep(*minutes())
    before = await kept(store)
    await spoil(store)

    result = await rebuilt(robot)

    assert not result.is_equal
    assert {
        ("planner", "10s", MINUTE, "memory_rss_bytes"),
        ("planner", "1m", MINUTE, "memory_rss_bytes"),
        ("planner", "1h", HOUR, "memory_rss_bytes"),
    } == found(result)
    assert 3 == result.differing

    result = await rebuilt(robot, repair=True)
    assert (True, 0, 3) == (result.is_equal, result.differing, result.repaired)
    assert before == await kept(store)
    assert (await rebuilt(robot)).is_equal
    await robot.tell(*minutes())
    assert "clean" == (await robot.audit()).state


@pytest.mark.parametrize("resolution", RESOLUTIONS)
async def test_a_wrong_window_in_a_block_is_told_and_replaced(
    store: Store, resolution: str
) -> None:
    robot = Audited(store)
    await robot.keep(*minutes())
    before = await kept(store)
    await store.rollups.seal(SLOT_STOP, 100)
    blocks = store._database[f"rollups_{resolution}"]
    block = await blocks.find_one({"name": "planner"})
    rows, flags = unpack_rows(block["m"]["cpu_time_ns"])
    rows[1][0] += 1
    change = {"m.cpu_time_ns": pack_rows(rows, flags)}
    await blocks.update_one({"_id": block["_id"]}, {"$set": change})

    result = await rebuilt(robot)
    [only] = result.found
    assert ("planner", resolution, "cpu_time_ns") == (
        only.name,
        only.resolution,
        only.difference.what,
    )

    result = await rebuilt(robot, repair=True)
    assert (True, 1) == (result.is_equal, result.repaired)
    assert before == await kept(store)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
async def test_a_block_that_is_gone_is_made_again(
    store: Store, resolution: str
) -> None:
    robot = Audited(store)
    await robot.keep(*minutes())
    before = await kept(store)
    await store.rollups.seal(SLOT_STOP, 100)
    await store._database[f"rollups_{resolution}"].delete_many({})

    result = await rebuilt(robot, repair=True)

    size = RESOLUTIONS[resolution].window
    assert 2 * len({s // size for s in range(MINUTE, MINUTE + 180)}) == result.repaired
    assert before == await kept(store)


async def test_a_bit_that_was_lost_does_not_double_its_batch(robot: Audited) -> None:
    before = await kept(robot.store)
    pages = robot.store._database["rollup_pages"]
    await pages.update_one(
        {"name": "planner"}, {"$bit": {"seen": {"and": ~(1 << 5) & (1 << 60) - 1}}}
    )
    assert not (await rebuilt(robot)).is_equal

    result = await rebuilt(robot, repair=True)

    assert result.is_equal
    assert before == await kept(robot.store)


async def test_what_is_folded_and_not_stored_is_left_alone(robot: Audited) -> None:
    """It may be late; or retention deleted it, and the rollups are all there is."""
    before = await kept(robot.store)
    lost = [process_batch(slot=MINUTE + 70), process_batch(slot=MINUTE + 71)]
    await robot.lose(*lost)

    result = await rebuilt(robot, repair=True)

    assert (False, 2, 0, 0) == (
        result.is_equal,
        result.only_folded,
        result.differing,
        result.repaired,
    )
    assert before == await kept(robot.store)


async def test_rollups_whose_pages_were_deleted_are_left_alone(store: Store) -> None:
    robot = Audited(store)
    await robot.keep(*minutes())
    await store.rollups.seal(SLOT_STOP, 100)
    before = await kept(store)
    await store._database["rollup_pages"].delete_many({})
    await store._database["rollups_10s"].delete_many({})
    gone = [process_batch(slot=slot) for slot in range(MINUTE, MINUTE + 90)]
    await robot.lose(*gone)

    await rebuilt(robot, repair=True)

    after = await kept(store)
    assert (before["1m"], before["1h"]) == (after["1m"], after["1h"])


async def test_of_many_differences_the_first_are_named_and_all_counted(
    store: Store,
) -> None:
    robot = Audited(store)
    await robot.keep(*minutes(20, HOUR))
    await store.rollups.seal(SLOT_STOP, 100)
    for name in RESOLUTIONS:
        await store._database[f"rollups_{name}"].delete_many({})

    result = await rebuild(store, "robot", HOUR, HOUR + 3_600)

    assert (DIFFERENCES_MAX, 2 * (120 + 20 + 1)) == (
        len(result.found),
        result.differing,
    )


async def test_folds_and_seals_in_the_middle_of_a_repair_are_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = Audited(store)
    sent = minutes()
    await robot.keep(*sent[:200])
    await spoil(store)
    replace = Sealing.replace
    late = iter(sent[200:])

    async def interrupted(self: Sealing, *args: Any) -> bool:
        for each in [next(late, None) for _ in range(20)]:
            if each is not None:
                await robot.keep(each)
                await robot.store.rollups.seal(SLOT_STOP, 100)
        return await replace(self, *args)

    monkeypatch.setattr(Sealing, "replace", interrupted)
    await rebuilt(robot, repair=True)
    monkeypatch.undo()
    await robot.keep(*late)

    assert (await rebuilt(robot, repair=True)).is_equal
    assert 2 * 180 == (await kept(store))["1h"][0].stats.count
    await robot.tell(*sent)
    assert "clean" == (await robot.audit()).state
