"""Compaction: whoever reads or comes late, each batch is there, and once."""

from __future__ import annotations

from typing import Any

import pytest
from audited import MINUTE, Audited, minutes
from builders import SLOT, gpu_batch, host_batch, process_batch
from sequences import series_of

from robometrics.schema import AnyBatch
from robometrics.store import Series, Store, compaction
from robometrics.store.batches import HOUR
from robometrics.store.compaction import Compacted

from .compacting import END, PLANNER, START, compact, fresh, kept, planner, read

pytestmark = pytest.mark.usefixtures("emptied")


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
