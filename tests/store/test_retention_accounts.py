"""What retention deleted is taken for lost by nobody."""

from __future__ import annotations

from collections import Counter

from audited import Audited
from builders import gpu_batch, host_batch, process_batch, tally

from robometrics.keeping import Retain
from robometrics.store import DeadLetter, Series, Store
from robometrics.store.rebuilding import rebuild
from robometrics.store.report import Report
from robometrics.store.verdict import verdict

from .retaining import (
    DAY,
    HOUR,
    MIDNIGHT,
    PLANNER,
    applied,
    hourly,
    kept,
    policy,
    register,
    sealed,
    slots,
)


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


async def test_a_host_that_is_gone_for_good_goes_by_a_rule_and_no_other_does(
    store: Store,
) -> None:
    """As docs/retention.md says; all else is kept for ever."""
    days = {f"keep_{each}_days": 1.0 for each in ("raw", "10s", "1m", "1h")}
    wanted = policy(Retain(host="robot", **days))
    for host in ("robot", "arm"):
        batches = [host_batch(host=host, slot=MIDNIGHT)]
        batches += [process_batch(host=host, slot=MIDNIGHT)]
        await Audited(store).keep(*batches, gpu_batch(host=host, slot=MIDNIGHT))
    await sealed(store)

    await applied(store, wanted, MIDNIGHT + 12 * DAY)
    assert [] == await slots(store)
    assert ["arm", "robot"] == [row.host for row in await store.fleet.hosts()]

    await applied(store, wanted, MIDNIGHT + 13 * DAY + HOUR)
    assert ["arm"] == [row.host for row in await store.fleet.hosts()]
    for rows in (await store.fleet.processes(), await store.fleet.gpus()):
        assert ["arm"] == [row.host for row in rows]
    assert [MIDNIGHT] == await slots(store, Series("arm", "process", "planner"))
    assert 3 * [MIDNIGHT] == await kept(store, "rollups_1h")


async def test_a_row_of_somebody_who_is_seen_again_stays(store: Store) -> None:
    robot = Audited(store)
    await robot.keep(host_batch(slot=MIDNIGHT), process_batch(slot=MIDNIGHT))
    late = MIDNIGHT + 60 * DAY
    await robot.keep(host_batch(slot=late))

    await applied(store, policy(raw=1, _10s=1, _1m=1, _1h=1), late + 60)

    assert ["robot"] == [row.host for row in await store.fleet.hosts()]
    assert [] == await store.fleet.processes("robot")
    assert [late] == await slots(store, Series("robot", "host", ""))
