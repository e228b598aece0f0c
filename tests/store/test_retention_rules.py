"""Runs are kept as their tags say, whoever writes meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from audited import Audited
from builders import gpu_batch, host_batch, process_batch

from robometrics.keeping import Retain
from robometrics.store import Store

from .retaining import (
    DAY,
    HOUR,
    MIDNIGHT,
    PLANNER,
    applied,
    compacted,
    hourly,
    policy,
    register,
)


async def by_run(store: Store) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    async for batch in store.batches.read(PLANNER, 0, MIDNIGHT + 1_000 * DAY):
        found.setdefault(batch.run, set()).add((batch.slot - MIDNIGHT) // HOUR)
    return found


@pytest.mark.parametrize("is_compacted", [False, True])
async def test_runs_of_one_process_are_kept_as_their_tags_say(
    store: Store, *, is_compacted: bool
) -> None:
    """Three runs at the same time: one range of ids holds all three."""
    robot = Audited(store)
    for run, tags in (
        ("arm", {"robot": "arm-3"}),
        ("leg", {"robot": "leg"}),
        ("no", {}),
    ):
        await register(store, run, **tags)
        await robot.keep(*hourly(range(48), run=run))
    if is_compacted:
        await compacted(store, MIDNIGHT + 40 * HOUR)
    wanted = policy(
        Retain(tags={"robot": "arm-*"}, keep_raw_days=1.5),
        Retain(tags={"robot": "leg"}, keep_raw_days=0.25),
        raw=1,
    )

    await applied(store, wanted, MIDNIGHT + 48 * HOUR)

    assert {
        "arm": set(range(12, 48)),
        "leg": set(range(42, 48)),
        "no": set(range(24, 48)),
    } == await by_run(store)
    windows = store.rollups.read(PLANNER, "1h", MIDNIGHT, MIDNIGHT + 48 * HOUR)
    assert 3 * 48 * 6 == sum([window.stats.count async for window in windows])


async def test_a_run_kept_for_ever_keeps_no_other_one(store: Store) -> None:
    robot = Audited(store)
    for run, tags in (("arm", {"robot": "arm-3"}), ("no", {})):
        await register(store, run, **tags)
        await robot.keep(*hourly(range(10), run=run))
    wanted = policy(Retain(tags={"robot": "*"}, keep_raw_days=0), raw=0.1)

    await applied(store, wanted, MIDNIGHT + 20 * HOUR)
    again = await applied(store, wanted, MIDNIGHT + 20 * HOUR)

    assert {"arm": set(range(10))} == await by_run(store)
    assert 0 == again


async def test_hosts_gpus_and_processes_are_kept_as_rules_say(store: Store) -> None:
    batches = [
        make(slot=MIDNIGHT, host=host)
        for host in ("lab-1", "shop")
        for make in (host_batch, gpu_batch, process_batch)
    ]
    await Audited(store).keep(*batches)
    wanted = policy(
        Retain(process="planner", host="lab-*", keep_raw_days=0.1),
        Retain(host="lab-*", keep_raw_days=0),
        raw=1,
    )

    await applied(store, wanted, MIDNIGHT + 20 * HOUR)
    early = await whose(store)
    await applied(store, wanted, MIDNIGHT + 40 * HOUR)

    assert {("lab-1", "gpu"), ("lab-1", "host")} == await whose(store)
    assert {("shop", "gpu"), ("shop", "host"), ("shop", "process")} | (
        await whose(store)
    ) == early


async def whose(store: Store) -> set[tuple[str, str]]:
    found = store._database["batches"].find({}, {"host": 1, "kind": 1})
    return {(row["host"], row["kind"]) async for row in found}


async def test_what_comes_too_late_is_stored_and_goes_with_a_later_round(
    store: Store,
) -> None:
    robot = Audited(store)
    await register(store, "arm", robot="arm")
    await robot.keep(*hourly(range(30), run="arm"), *hourly(range(30), run="no"))
    wanted = policy(Retain(tags={"robot": "arm"}, keep_raw_days=0.2), raw=0.5)
    now = MIDNIGHT + 30 * HOUR
    await applied(store, wanted, now)

    for run in ("arm", "no"):
        await robot.keep(*hourly([3, 20], run=run, generation=1))
    late = await by_run(store)
    await applied(store, wanted, now + HOUR)

    assert {3, 20} <= late["arm"]
    assert 3 in late["no"]
    assert {"arm": set(range(26, 30)), "no": set(range(19, 30))} == await by_run(store)


async def test_beside_live_ingest_compaction_and_another_one_nothing_new_goes(
    store: Store,
) -> None:
    robot = Audited(store)
    await robot.keep(*hourly(range(40)))
    now = MIDNIGHT + 48 * HOUR
    fresh = hourly(range(40, 48), run="new")

    async def ingest() -> None:
        for number in range(0, len(fresh), 4):
            await robot.keep(*fresh[number : number + 4])

    one_day = policy(raw=1)
    await asyncio.gather(
        ingest(),
        compacted(store, MIDNIGHT + 30 * HOUR),
        applied(store, one_day, now),
        applied(store, one_day, now),
    )
    await applied(store, one_day, now)

    assert {
        "ab12cd34-42-777": set(range(24, 40)),
        "new": set(range(40, 48)),
    } == await by_run(store)
