"""Retention deletes exactly what is not to be kept, seldom and in portions."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from audited import Audited
from builders import host_batch

from robometrics.store import Series, Store, retention
from robometrics.store.kept import KEPT

from .retaining import (
    DAY,
    HOUR,
    MIDNIGHT,
    PLANNER,
    applied,
    compacted,
    hourly,
    kept,
    policy,
    sealed,
    slots,
)


async def test_each_resolution_is_deleted_to_its_own_border(store: Store) -> None:
    robot = Audited(store)
    days = range(40)
    await robot.keep(*hourly(24 * day for day in days))
    await compacted(store, MIDNIGHT + 39 * DAY)
    await sealed(store)
    now = MIDNIGHT + 39 * DAY + 2 * HOUR

    await applied(store, policy(raw=2, _10s=4, _1m=8, _1h=15), now)

    left = {
        each.collection: {
            (at - MIDNIGHT) // DAY for at in await kept(store, each.collection)
        }
        for each in KEPT
    }
    expected = {"batches": {39}, "blocks": {38}, "rollups_10s": set(range(36, 40))}
    # A block of 1 min spans half a day, one of 1 h ten days.
    expected |= {"rollups_1m": set(range(31, 40)), "rollups_1h": {20, 30}}
    expected |= {"rollup_pages": set(range(36, 40))}
    assert expected == left


async def test_raw_samples_that_are_deleted_remain_as_rollups(store: Store) -> None:
    await Audited(store).keep(*hourly(range(10)))

    await applied(store, policy(raw=0.1), MIDNIGHT + 12 * HOUR)

    windows = store.rollups.read(PLANNER, "1h", MIDNIGHT, MIDNIGHT + 10 * HOUR)
    assert 60 == sum([window.stats.count async for window in windows])
    assert {9} == {(at - MIDNIGHT) // HOUR for at in await slots(store)}


async def test_0_is_for_ever(store: Store) -> None:
    await Audited(store).keep(*hourly(range(3)), host_batch())

    assert 0 == await applied(store, policy(), MIDNIGHT + 3_000 * DAY)

    assert 9 == len(await slots(store))


async def test_the_hour_in_which_the_border_lies_stays(store: Store) -> None:
    await Audited(store).keep(*hourly(range(4)))

    await applied(store, policy(raw=1 / 24), MIDNIGHT + 3 * HOUR + 600)

    assert [2, 3] == sorted({(at - MIDNIGHT) // HOUR for at in await slots(store)})


async def test_deletions_are_seldom_and_large(store: Store) -> None:
    """An hour that has just become too old waits until a day's worth has."""
    await Audited(store).keep(*hourly(range(31 * 24)))
    await compacted(store, MIDNIGHT + 31 * DAY)
    thirty = policy(raw=30)

    counts = [
        await applied(store, thirty, MIDNIGHT + 30 * DAY + hour * HOUR)
        for hour in range(27)
    ]

    assert [0] * 25 == counts[:25]
    assert [25, 0] == counts[25:]


async def test_more_than_is_deleted_at_once_goes_in_portions(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 10)
    await Audited(store).keep(*hourly(range(8)))

    steps = [
        each.documents
        async for each in store.retention.apply(policy(raw=0.01), MIDNIGHT + 9 * HOUR)
        if each.documents
    ]

    assert [10, 10, 4] == steps
    assert [] == await slots(store)


async def test_cut_short_at_any_step_it_goes_on_where_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 7)
    robot = Audited(store)
    await robot.keep(*hourly(range(20)), *hourly(range(20), process="other"))
    now, wanted = MIDNIGHT + 30 * HOUR, policy(raw=0.5, _10s=0.5)
    rounds = 0
    while True:
        rounds += 1
        async with aclosing(store.retention.apply(wanted, now)) as cut:
            done = 0
            async for step in cut:
                done += step.documents
                if done:
                    break
        if not done:
            break

    assert rounds > 5
    for series in (PLANNER, Series("robot", "process", "other")):
        assert [18, 18, 18, 19, 19, 19] == [
            (at - MIDNIGHT) // HOUR for at in await slots(store, series)
        ]
