"""Retention deletes exactly what is not to be kept, and nobody takes it for lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import pytest
from audited import Audited
from builders import event, gpu_batch, host_batch, process_batch, tally

from robometrics.keeping import SECONDS_PER_DAY, Policy, Retain
from robometrics.schema import AnyBatch
from robometrics.store import DeadLetter, Series, Store, retention
from robometrics.store.kept import KEPT
from robometrics.store.keys import SLOT_STOP, time_of
from robometrics.store.rebuilding import rebuild
from robometrics.store.report import Report
from robometrics.store.verdict import verdict

HOUR, DAY = 3_600, SECONDS_PER_DAY
MIDNIGHT = 1_789_948_800 - 1_789_948_800 % 864_000  # where each kind of page begins
FOREVER = {"raw": 0.0, "10s": 0.0, "1m": 0.0, "1h": 0.0}
PLANNER = Series("robot", "process", "planner")


def policy(*rules: Retain, **days: float) -> Policy:
    return Policy(
        FOREVER | {key.lstrip("_"): value for key, value in days.items()}, rules
    )


async def applied(store: Store, wanted: Policy, now: int) -> int:
    """Apply *wanted*; return how many documents of samples went."""
    done = sum([each.documents async for each in store.retention.apply(wanted, now)])
    async for _ in store.departed.apply(wanted, now):
        pass
    return done


async def compacted(store: Store, before: int) -> None:
    async for _ in store.compactor.compact(before):
        pass


async def sealed(store: Store) -> None:
    while await store.rollups.seal(SLOT_STOP, 1_000):
        pass


async def kept(store: Store, collection: str) -> list[int]:
    """Return the times of all documents of a collection."""
    found = store._database[collection].find({}, {"_id": 1})
    return sorted([time_of(row["_id"]) async for row in found])


async def slots(store: Store, series: Series = PLANNER) -> list[int]:
    found = store.batches.read(series, 0, MIDNIGHT + 1_000 * DAY)
    return [batch.slot async for batch in found]


def hourly(hours: Iterable[int], **changes: Any) -> list[AnyBatch]:
    """Return three batches in each of *hours* since midnight."""
    return [
        process_batch(slot=MIDNIGHT + HOUR * hour + second, **changes)
        for hour in hours
        for second in (0, 1_800, 3_599)
    ]


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


async def register(store: Store, run: str, **tags: str) -> None:
    await store.fleet.record(
        [
            event(
                id=f"e-{run}",
                event="registered",
                process="planner",
                run=run,
                pid=1,
                at_ns=MIDNIGHT * 10**9,
                started_at_ns=1,
                command="c",
                tags=tags,
            )
        ]
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


async def audit_of(store: Store, start: int, stop: int) -> Report:
    return await Audited(store).audit(start, stop)


async def lived(store: Store, hours: int) -> None:
    """Keep and tell three seconds of each hour, of a host and its planner."""
    robot = Audited(store)
    for hour in range(hours):
        at = MIDNIGHT + HOUR * hour
        batches = [
            make(slot=at + second)
            for second in range(3)
            for make in (host_batch, process_batch)
        ]
        await robot.keep(*batches)
        await robot.tell(*batches)


async def test_an_audit_leaves_out_what_retention_deleted_and_nothing_else(
    store: Store,
) -> None:
    await lived(store, 12)
    start, stop = MIDNIGHT, MIDNIGHT + 12 * HOUR
    whole = await audit_of(store, start, stop)

    await applied(store, policy(raw=0.25), stop)
    after = await audit_of(store, start, stop)

    kinds = Counter(account.kind for account in after.runs)
    assert {"host": 1, "process": 1} == kinds
    assert (None, MIDNIGHT + 6 * HOUR) == (
        whole.beyond_retention_until,
        after.beyond_retention_until,
    )
    assert [18, 18] == [account.stored for account in after.runs]
    assert (0, 0, []) == (after.wrong, after.untallied, after.missing_tallies)
    assert 0 == sum(account.unexplained for account in after.runs)

    # What is missing of the rest is found as ever.
    await Audited(store).lose(process_batch(slot=MIDNIGHT + 8 * HOUR + 1))
    spoiled = await audit_of(store, start, stop)
    assert 1 == sum(account.unexplained for account in spoiled.runs)


async def test_an_audit_of_what_is_all_deleted_is_clean_and_says_so(
    store: Store,
) -> None:
    await lived(store, 12)
    await applied(store, policy(raw=0.25), MIDNIGHT + 12 * HOUR)

    found = await audit_of(store, MIDNIGHT + HOUR, MIDNIGHT + 5 * HOUR)

    assert ("clean", MIDNIGHT + 5 * HOUR, []) == (
        found.state,
        found.beyond_retention_until,
        found.runs,
    )


async def test_rollups_that_are_deleted_before_the_samples_are_not_missed(
    store: Store,
) -> None:
    await lived(store, 12)
    await sealed(store)

    await applied(store, policy(_10s=0.1, _1m=0.1), MIDNIGHT + 12 * HOUR)

    found = await audit_of(store, MIDNIGHT, MIDNIGHT + 3)
    assert ("clean", None) == (found.state, found.beyond_retention_until)
    assert [3, 3] == [account.stored for account in found.runs]


async def test_an_audit_knows_runs_that_were_kept_for_a_shorter_time(
    store: Store,
) -> None:
    await lived(store, 6)
    robot = Audited(store)
    await register(store, "arm", robot="arm")
    batches = [process_batch(run="arm", slot=MIDNIGHT + second) for second in range(3)]
    await robot.keep(*batches)
    await robot.tell(*batches, outbox="other")
    wanted = policy(Retain(tags={"robot": "arm"}, keep_raw_days=0.1))

    await applied(store, wanted, MIDNIGHT + 6 * HOUR)

    found = await audit_of(store, MIDNIGHT, MIDNIGHT + 3)
    assert "clean" == found.state
    assert {"ab12cd34", "ab12cd34-42-777"} == {account.run for account in found.runs}
    assert MIDNIGHT + 3 == found.beyond_retention_until


async def test_what_is_folded_is_known_for_as_long_as_windows_of_10_s(
    store: Store,
) -> None:
    """Else what comes twice would count twice; and what is not sealed must be."""
    batches = hourly(range(3))
    await Audited(store).keep(*batches)
    now = MIDNIGHT + 2 * DAY

    await applied(store, policy(raw=0.1, _10s=1), now)
    open_pages = len(await kept(store, "rollup_pages"))
    await sealed(store)
    await applied(store, policy(raw=0.1, _10s=3), now)
    await store.rollups.fold(batches)
    again = len(await kept(store, "rollup_pages"))
    await applied(store, policy(raw=0.1, _10s=1), now)

    assert (9, 9, []) == (open_pages, again, await kept(store, "rollup_pages"))
    windows = store.rollups.read(PLANNER, "1h", MIDNIGHT, MIDNIGHT + DAY)
    assert 18 == sum([window.stats.count async for window in windows])


async def test_windows_are_not_made_anew_of_samples_that_are_gone(store: Store) -> None:
    """They would be replaced by less than they are."""
    await lived(store, 12)
    await sealed(store)
    stop = MIDNIGHT + 12 * HOUR
    await applied(store, policy(raw=0.25, _10s=0.25), stop)

    found = await rebuild(store, "robot", MIDNIGHT, stop, repair=True)

    assert found.is_equal
    assert (MIDNIGHT + 6 * HOUR, 0) == (found.beyond_retention_until, found.repaired)
    windows = store.rollups.read(PLANNER, "1h", MIDNIGHT, stop)
    assert 12 * 3 * 2 == sum([window.stats.count async for window in windows])


async def test_a_host_may_let_go_of_what_would_be_deleted_again(store: Store) -> None:
    """Else it would send its old samples for ever."""
    batches = [process_batch(slot=MIDNIGHT + second) for second in range(3)]
    unknown = process_batch(slot=MIDNIGHT + 5)
    await Audited(store).keep(*batches)
    await sealed(store)
    asked = tally(*batches, unknown)

    early = await verdict(store, asked)
    await applied(store, policy(raw=0.1), MIDNIGHT + 12 * HOUR)
    late = await verdict(store, asked)

    # What was never folded still has to be, since rollups are kept for longer.
    assert [1 << 5] == [row.slots for row in early.rows]
    assert [1 << 5] == [row.slots for row in late.rows]
    await applied(
        store, policy(raw=0.1, _10s=0.1, _1m=0.1, _1h=0.1), MIDNIGHT + 2 * DAY
    )
    assert [] == (await verdict(store, asked)).rows


async def test_accounts_events_letters_and_rows_go_when_nothing_needs_them(
    store: Store,
) -> None:
    await lived(store, 1)
    await Audited(store).keep(gpu_batch(slot=MIDNIGHT))
    await register(store, "arm")
    letter = DeadLetter(
        stream_sequence=1, consumer="persist", subject="s", reason="r", data=b""
    )
    await store.dead_letters.insert([letter])
    wanted = policy(raw=1, _10s=2, _1m=3, _1h=4)

    async def left() -> dict[str, int]:
        names = ("tallies", "events", "runs", "processes", "gpus", "hosts", "retained")
        return {name: await store._database[name].count_documents({}) for name in names}

    await applied(store, wanted, MIDNIGHT + DAY)
    all_there = await left()
    await applied(store, wanted, MIDNIGHT + DAY + 4 * HOUR)
    told = await left()
    await applied(store, wanted, MIDNIGHT + 5 * DAY + HOUR)
    later = await left()
    await applied(store, wanted, MIDNIGHT + 60 * DAY)
    none = await left()

    rows = {"runs": 2, "processes": 1, "gpus": 1, "hosts": 1}
    assert {"tallies": 1, "events": 1, "retained": 0} | rows == all_there
    assert {"tallies": 0, "events": 1, "retained": 3} | rows == told
    assert {"tallies": 0, "events": 0, "retained": 3} | rows == later
    assert dict.fromkeys(none, 0) == none
    assert 1 == await store.dead_letters.count()  # it was set aside just now


async def test_a_row_of_somebody_who_is_seen_again_stays(store: Store) -> None:
    robot = Audited(store)
    await robot.keep(host_batch(slot=MIDNIGHT), process_batch(slot=MIDNIGHT))
    late = MIDNIGHT + 60 * DAY
    await robot.keep(host_batch(slot=late))

    await applied(store, policy(raw=1, _10s=1, _1m=1, _1h=1), late + 60)

    assert ["robot"] == [row.host for row in await store.fleet.hosts()]
    assert [] == await store.fleet.processes("robot")
    assert [late] == await slots(store, Series("robot", "host", ""))
