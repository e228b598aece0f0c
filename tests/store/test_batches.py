"""Batches in MongoDB: as they came, once, in order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from builders import SLOT, host_batch, process_batch
from servers import MongoServer

from robometrics.schema import AnyBatch, GpuBatch, Previous, decode_batch, encode
from robometrics.store import Series, Store, open_store

PLANNER = Series("robot", "process", "planner")


def gpu_batch(**changes: Any) -> GpuBatch:
    values: dict[str, Any] = {
        "host": "robot",
        "run": "ab12cd34",
        "slot": SLOT,
        "interval_ns": 1_000_000_000,
        "offset_ns": [3],
        "metrics": {"gpu_utilization_percent": [42]},
        "index": 10,
        "uuid": "GPU-1",
        "model": "H100",
    }
    return GpuBatch(**values | changes)


async def read(
    store: Store, series: Series, start: int = SLOT - 10_000, stop: int = SLOT + 10_000
) -> list[AnyBatch]:
    return [batch async for batch in store.batches.read(series, start, stop)]


@pytest.mark.parametrize(
    ("series", "batch"),
    [
        (PLANNER, process_batch()),
        (PLANNER, process_batch(previous=None, generation=2**31 - 1)),
        (PLANNER, process_batch(metrics={})),
        (PLANNER, process_batch(metrics={"a": [None, 1], "b": [None], "c": [1, 0.5]})),
        (
            PLANNER,
            process_batch(metrics={"a": [-(2**63), 2**63 - 1], "b": [2**63 - 1]}),
        ),
        (PLANNER, process_batch(metrics={"a:x=2Ey": [-1e280, 5e-324]})),
        (
            PLANNER,
            process_batch(
                previous=Previous(offset_ns=-(10**12), counters={"a:b": 2**63 - 1}),
                interval_ns=3600 * 10**9,
            ),
        ),
        (Series("robot", "host", ""), host_batch()),
        (Series("robot", "gpu", "10"), gpu_batch()),
        (Series("robot", "gpu", "0"), gpu_batch(index=0, uuid="")),
    ],
)
async def test_a_batch_of_any_kind_comes_back_as_it_was(
    store: Store, series: Series, batch: AnyBatch
) -> None:
    assert {} == await store.batches.insert([batch])

    [found] = await read(store, series)

    assert batch == found


async def test_what_comes_back_can_be_sent_on(store: Store) -> None:
    """The driver's own class of 64-bit integers is one no encoder knows."""
    batch = process_batch(
        metrics={"a": [2**40], "b": [2**40, 2**41]},
        interval_ns=10 * 10**9,
        previous=Previous(offset_ns=-(10**10), counters={"a": 2**40}),
    )
    await store.batches.insert([batch])

    [found] = await read(store, PLANNER)

    assert batch == decode_batch(encode(found))


async def test_a_duplicate_leaves_the_first_as_it_is(store: Store) -> None:
    first, again = process_batch(), process_batch(metrics={"thread_count": [9]})
    await store.batches.insert([first, first])

    assert {} == await store.batches.insert([again, process_batch(slot=SLOT + 1)])

    assert [first, process_batch(slot=SLOT + 1)] == await read(store, PLANNER)


async def test_nothing_may_be_inserted(store: Store) -> None:
    assert {} == await store.batches.insert([])


@pytest.mark.parametrize(
    "changes",
    [
        *({"run": "other"}, {"generation": 1}, {"slot": SLOT + 1}),
        *({"process": "other"}, {"host": "other"}),
    ],
)
async def test_batches_of_another_identity_are_not_duplicates(
    store: Store, changes: dict[str, Any]
) -> None:
    other = process_batch(**changes)
    await store.batches.insert([process_batch(), other])

    everything = await read(store, PLANNER)
    if "host" in changes or "process" in changes:
        everything += await read(store, Series(other.host, "process", other.name))

    assert {encode(process_batch()), encode(other)} == set(map(encode, everything))


async def test_a_range_holds_its_start_and_not_its_stop(store: Store) -> None:
    slots = [SLOT - 1, SLOT, SLOT + 1, SLOT + 2, SLOT + 300]
    await store.batches.insert([process_batch(slot=slot) for slot in slots])

    async def found(start: int, stop: int) -> list[int]:
        return [batch.slot for batch in await read(store, PLANNER, start, stop)]

    assert [SLOT, SLOT + 1] == await found(SLOT, SLOT + 2)
    assert [] == await found(SLOT, SLOT)
    assert [] == await found(SLOT + 2, SLOT)
    assert slots == await found(-(10**12), 10**12)


async def test_they_come_in_the_order_of_time_across_pages(store: Store) -> None:
    """More than the driver fetches at once; written backwards."""
    slots = range(SLOT, SLOT + 700)
    await store.batches.insert([host_batch(slot=slot) for slot in reversed(slots)])

    found = await read(store, Series("robot", "host", ""))

    assert [*slots] == [batch.slot for batch in found]


HOSTILE = ["*", ">", "a b", "é", "..", "$JS", "$where", "\0", "a\0b", "a/b", "host"]


async def test_hostile_names_are_series_like_any_other(store: Store) -> None:
    batches = [process_batch(host=h, process=p) for h in HOSTILE for p in HOSTILE]
    await store.batches.insert(batches)

    for batch in batches:
        series = Series(batch.host, "process", batch.name)
        assert [batch] == await read(store, series)


async def test_no_names_can_be_chosen_to_fall_into_another_series(store: Store) -> None:
    """A worker may publish for its host only, whatever it calls itself."""
    honest = host_batch(host="a\0process\0b", run="r")
    forged = process_batch(host="a", process="b\0host\0", run="r")
    shifted = process_batch(host="a1", process="b", run="r")
    await store.batches.insert([honest, forged, shifted])

    assert [honest] == await read(store, Series(honest.host, "host", ""))
    assert [forged] == await read(store, Series("a", "process", forged.name))
    assert [] == await read(store, Series("a", "process", "1b"))


async def test_inserters_of_the_same_batches_do_not_disturb_each_other(
    store: Store, shared_mongo: MongoServer, database_name: str
) -> None:
    batches = [process_batch(slot=SLOT + n) for n in range(300)]
    async with open_store(shared_mongo.url, database_name) as other:
        outcomes = await asyncio.gather(
            store.batches.insert(batches),
            other.batches.insert(batches[::-1]),
            store.batches.insert(batches[100:]),
        )

    assert not any(outcomes)
    assert batches == await read(store, PLANNER)
