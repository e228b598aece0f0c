"""Rollups in a real MongoDB: any order, any grouping, any number of writers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any

import pytest
from builders import SLOT, host_batch, process_batch
from rollup_oracle import recomputed
from servers import MongoServer

from robometrics.schema import AnyBatch, GpuBatch, Previous, ProcessBatch
from robometrics.store import RESOLUTIONS, Rollups, Series, Store, Window, open_store
from robometrics.store.rollups.groups import grouped

PLANNER = Series("robot", "process", "planner")
HOUR = SLOT - SLOT % 3_600
DAY = SLOT - SLOT % 86_400
ALL_TIME = (DAY - 10 * 86_400, DAY + 10 * 86_400)


def batch(slot: int, **changes: Any) -> ProcessBatch:
    """Return a batch whose numbers depend on its slot; integers only, so exact."""
    second = slot % 86_400
    values: dict[str, Any] = {
        "slot": slot,
        "metrics": {
            "cpu_time_ns": [second * 1_000_000, second * 1_000_000 + 400_000],
            "memory_rss_bytes": [1_000_000 + (second * 7_919) % 5_000, None],
            "thread_count": [second % 11],
            "network_sent_bytes_total:eth0": [second, second + 1],
        },
        "previous": Previous(
            offset_ns=-500_000_000,
            counters={"cpu_time_ns": second * 1_000_000 - 100_000},
        ),
    }
    return process_batch(**values | changes)


async def read(rollups: Rollups, resolution: str, series: Series) -> list[Window]:
    return [window async for window in rollups.read(series, resolution, *ALL_TIME)]


def by_identity(windows: Iterable[Window]) -> list[Window]:
    return sorted(windows, key=lambda w: (w.run, w.generation, w.start))


async def assert_exact(store: Store, batches: Iterable[AnyBatch]) -> None:
    for resolution in RESOLUTIONS:
        assert by_identity(recomputed(batches, resolution)) == by_identity(
            await read(store.rollups, resolution, PLANNER)
        )


async def test_one_batch_is_in_every_resolution(store: Store) -> None:
    await store.rollups.fold([batch(SLOT)])

    await assert_exact(store, [batch(SLOT)])


async def test_folding_nothing_is_nothing(store: Store) -> None:
    await store.rollups.fold([])

    await assert_exact(store, [])


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_and_grouping_with_repeats_comes_out_exact(
    store: Store, seed: int
) -> None:
    order = random.Random(seed)  # noqa: S311  an order, no secret
    batches = [batch(SLOT + n) for n in range(150)]
    sent = batches * 2 + order.choices(batches, k=50)
    order.shuffle(sent)

    while sent:
        size = order.randint(1, 60)
        await store.rollups.fold(sent[:size])
        sent = sent[size:]

    await assert_exact(store, batches)


async def test_writers_at_once_with_overlapping_batches_come_out_exact(
    store: Store, shared_mongo: MongoServer, database_name: str
) -> None:
    """The promise that lets any number of consumers run without an owner."""
    order = random.Random(7)  # noqa: S311  an order, no secret
    batches = [batch(SLOT + n) for n in range(130)]

    async def write(rollups: Rollups, mine: list[AnyBatch], size: int) -> None:
        for at in range(0, len(mine), size):
            await rollups.fold(mine[at : at + size])

    async with (
        open_store(shared_mongo.url, database_name) as second,
        open_store(shared_mongo.url, database_name) as third,
    ):
        await asyncio.gather(
            *(
                write(writer.rollups, order.sample(batches, 110), size)
                for writer in (store, second, third)
                for size in (7, 31)
            ),
            write(third.rollups, [*batches], 130),
        )

    await assert_exact(store, batches)


async def test_a_copy_in_the_same_call_counts_once(store: Store) -> None:
    await store.rollups.fold([batch(SLOT), batch(SLOT)])

    await assert_exact(store, [batch(SLOT)])


@pytest.mark.parametrize(
    "border",
    [
        pytest.param(HOUR + 600, id="page"),
        pytest.param(HOUR + 3_600, id="hour"),
        pytest.param(DAY + 86_400, id="day"),
    ],
)
async def test_borders_of_pages_part_what_they_should(
    store: Store, border: int
) -> None:
    batches = [batch(border + n) for n in (-61, -11, -1, 0, 9, 60)]

    await store.rollups.fold(batches)

    await assert_exact(store, batches)


@pytest.mark.parametrize("slot_in_minute", [0, 1, 30, 31, 32, 58, 59])
async def test_every_bit_of_a_minute_guards_its_own_slot(
    store: Store, slot_in_minute: int
) -> None:
    minute = SLOT - SLOT % 60
    await store.rollups.fold([batch(minute + slot_in_minute)])
    others = [batch(minute + n) for n in range(60)]

    await store.rollups.fold(others)

    await assert_exact(store, others)


@pytest.mark.parametrize("changes", [{"run": "other"}, {"generation": 1}])
async def test_two_runs_or_generations_in_one_slot_stay_apart(
    store: Store, changes: dict[str, Any]
) -> None:
    batches = [batch(SLOT), batch(SLOT, **changes)]

    await store.rollups.fold(batches)
    await store.rollups.fold(batches)

    await assert_exact(store, batches)
    assert 2 == len(await read(store.rollups, "1h", PLANNER))


async def test_other_series_in_the_same_call_stay_apart(store: Store) -> None:
    gpu = GpuBatch(
        host="robot",
        run="ab12cd34",
        slot=SLOT,
        interval_ns=1,
        offset_ns=[0],
        metrics={"gpu_utilization_percent": [4]},
        index=0,
    )
    named_alike = batch(SLOT, process="0", run="ab12cd34")
    await store.rollups.fold([gpu, named_alike, host_batch(), batch(SLOT)])

    await assert_exact(store, [batch(SLOT)])
    for series, only in (
        (Series("robot", "gpu", "0"), gpu),
        (Series("robot", "process", "0"), named_alike),
        (Series("robot", "host", ""), host_batch()),
    ):
        assert recomputed([only], "1m") == await read(store.rollups, "1m", series)


async def test_a_range_holds_the_windows_that_begin_in_it(store: Store) -> None:
    await store.rollups.fold([batch(HOUR + n) for n in range(0, 700, 10)])

    async def starts(start: int, stop: int) -> list[int]:
        found = store.rollups.read(PLANNER, "10s", start, stop)
        return [window.start - HOUR async for window in found]

    assert [590, 600] == await starts(HOUR + 581, HOUR + 601)
    assert [590, 600] == await starts(HOUR + 590, HOUR + 610)
    assert [] == await starts(HOUR + 591, HOUR + 600)


async def test_late_data_of_any_age_folds_in(store: Store) -> None:
    now = [batch(SLOT + n) for n in range(3)]
    late = [batch(SLOT - 5 * 86_400 + n) for n in range(3)]
    await store.rollups.fold(now)

    await store.rollups.fold(late)

    await assert_exact(store, [*late, *now])


async def test_gauges_near_the_limit_of_an_int64_do_not_stop_the_fold(
    store: Store,
) -> None:
    """A cgroup without a limit reports 2^63 - 4096; two of them overflow a sum."""
    unlimited = 2**63 - 4_096
    for slot in (SLOT, SLOT + 1, SLOT + 2):
        column = {"memory_total_bytes": [unlimited, unlimited]}
        await store.rollups.fold([batch(slot, metrics=column)])

    for resolution in RESOLUTIONS:
        [window] = await read(store.rollups, resolution, PLANNER)
        stats = window.stats.metrics["memory_total_bytes"]
        assert (6, unlimited, unlimited, unlimited) == (
            stats.count,
            stats.low,
            stats.high,
            stats.last,
        )
        assert 6 * unlimited == pytest.approx(stats.total, rel=1e-12)


async def test_the_last_value_is_the_latest_whoever_comes_last(store: Store) -> None:
    for slot in (SLOT + 3, SLOT + 5, SLOT + 4):
        await store.rollups.fold(
            [batch(slot, metrics={"thread_count": [slot - SLOT]}, previous=None)]
        )

    [window] = await read(store.rollups, "1h", PLANNER)

    assert 5 == window.stats.metrics["thread_count"].last


def test_grouping_is_by_run_and_minute() -> None:
    minute = SLOT - SLOT % 60
    batches = [batch(minute), batch(minute + 59), batch(minute + 60)]

    groups = grouped([*batches, batch(minute, run="other"), *batches])

    assert [
        ("ab12cd34-42-777", minute, [minute, minute + 59]),
        ("ab12cd34-42-777", minute + 60, [minute + 60]),
        ("other", minute, [minute]),
    ] == [(group.run, group.page, [*group.slots]) for group in groups.values()]
