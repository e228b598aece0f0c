"""What is damaged stays, is told, and stops nothing."""

from __future__ import annotations

from typing import Any

import pytest

from robometrics.errors import DiscardMessageError
from robometrics.store import Series, Store
from robometrics.store.batch_documents import batch_id
from robometrics.store.batches import HOUR

from .compacting import END, PLANNER, START, compact, fresh, kept, planner, read

pytestmark = pytest.mark.usefixtures("emptied")


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
