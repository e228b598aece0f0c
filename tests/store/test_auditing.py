"""What is spoiled by hand in a real database is found and named; nothing else is."""

from __future__ import annotations

import pytest
from audited import MINUTE, Audited, minutes
from builders import SLOT, event, gap, host_batch, process_batch

from robometrics.errors import NotFoundError
from robometrics.schema import AnyBatch, GpuBatch
from robometrics.store import RESOLUTIONS, Store
from robometrics.store.audit import Account
from robometrics.store.auditing import audit, last_word
from robometrics.store.keys import SLOT_STOP
from robometrics.store.rollups.packing import pack_rows, unpack_rows


@pytest.fixture
async def robot(store: Store) -> Audited:
    """Three minutes of a host and a process, all of it as it should be."""
    audited = Audited(store)
    await audited.keep(*minutes())
    await audited.tell(*minutes())
    return audited


def of_planner(*slots: int) -> list[AnyBatch]:
    return [process_batch(slot=slot) for slot in slots]


def account(found: list[Account], kind: str = "process") -> Account:
    [only] = [each for each in found if each.kind == kind]
    return only


async def test_what_is_all_there_is_clean(robot: Audited) -> None:
    found = await robot.audit()

    assert "clean" == found.state
    assert (3, 0, []) == (found.tallies, found.late, found.missing_tallies)
    assert [("host", 180, 180), ("process", 360, 360)] == [
        (each.kind, each.taken_samples, each.stored_samples) for each in found.runs
    ]
    assert {(180, 180)} == {(each.taken, each.stored) for each in found.runs}


async def test_any_part_of_it_is_clean_too(robot: Audited) -> None:
    """Tallies and windows lie across the borders of the range."""
    for start, stop in ((7, 8), (0, 61), (59, 60), (59, 121), (60, 120), (100, 1_000)):
        found = await robot.audit(MINUTE + start, MINUTE + stop)
        assert ("clean", 0) == (found.state, found.untallied)


async def test_a_range_over_a_border_of_hours_is_clean(store: Store) -> None:
    hour = SLOT - SLOT % 3_600
    robot = Audited(store)
    batches = minutes(4, hour - 90)
    await robot.keep(*batches)
    await robot.tell(*batches)

    found = await robot.audit(hour - 90, hour + 150)

    assert "clean" == found.state
    assert [240, 240] == [each.taken for each in found.runs]


async def test_a_deleted_batch_is_found_and_named(robot: Audited) -> None:
    await robot.lose(*of_planner(MINUTE + 70, MINUTE + 71))

    found = await robot.audit()

    assert "unexplained" == found.state
    planner = account(found.runs)
    assert ("planner", 180, 178, 2, 0) == (
        planner.name,
        planner.taken,
        planner.stored,
        planner.missing,
        planner.explained,
    )
    assert [(MINUTE + 70, MINUTE + 71)] == planner.missing_slots
    assert dict.fromkeys(RESOLUTIONS, 2) == planner.only_folded
    assert 0 == account(found.runs, "host").missing


async def test_what_a_gap_explains_may_be_missing_and_no_more(store: Store) -> None:
    robot = Audited(store)
    lost = of_planner(*range(MINUTE + 70, MINUTE + 75))
    await robot.keep(*(batch for batch in minutes() if batch not in lost))
    await robot.tell(*minutes())
    assert "unexplained" == (await robot.audit()).state

    await robot.record(gap(MINUTE + 60, MINUTE + 80, missing=4))
    found = await robot.audit()

    assert "unexplained" == found.state
    assert (5, 4) == (account(found.runs).missing, account(found.runs).explained)
    assert [(MINUTE + 74, MINUTE + 74)] == account(found.runs).missing_slots

    await robot.record(gap(MINUTE + 74, MINUTE + 74, "disk", process="planner"))
    found = await robot.audit()

    assert "clean" == found.state
    assert [4, 1] == [each.batches for each in found.gaps]


@pytest.mark.parametrize("cause", ["host_asleep", "of_a_newer_worker", None])
async def test_a_gap_of_what_was_never_taken_explains_nothing_taken(
    store: Store, cause: str
) -> None:
    robot = Audited(store)
    lost = of_planner(MINUTE + 70)
    await robot.keep(*(batch for batch in minutes() if batch not in lost))
    await robot.tell(*minutes())
    await robot.record(gap(MINUTE, MINUTE + 180, cause))

    assert "unexplained" == (await robot.audit()).state


async def test_enough_on_its_way_is_waited_for(robot: Audited) -> None:
    await robot.lose(*of_planner(MINUTE + 70, MINUTE + 71))

    assert "waiting" == (await robot.audit(on_its_way=2)).state
    assert "unexplained" == (await robot.audit(on_its_way=1)).state


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_rollup_that_forgot_a_slot_is_found(
    robot: Audited, sealed: bool
) -> None:
    if sealed:
        await robot.store.rollups.seal(SLOT_STOP, 100)
    pages = robot.store._database["rollup_pages"]
    page = await pages.find_one({"name": "planner"})
    await pages.update_one({"_id": page["_id"]}, {"$bit": {"seen": {"and": ~1}}})

    found = await robot.audit()

    assert "unexplained" == found.state
    assert dict.fromkeys(RESOLUTIONS, 1) == account(found.runs).not_folded
    assert {} == account(found.runs, "host").not_folded


async def test_a_rollup_with_another_count_is_found(robot: Audited) -> None:
    pages = robot.store._database["rollup_pages"]
    page = await pages.find_one({"name": "planner"})
    window = next(iter(page["w"]))
    await pages.update_one({"_id": page["_id"]}, {"$inc": {f"w.{window}.count": 1}})

    found = await robot.audit()

    assert "unexplained" == found.state
    assert dict.fromkeys(RESOLUTIONS, 1) == account(found.runs).unequal_windows
    assert {} == account(found.runs, "host").unequal_windows


@pytest.mark.parametrize("resolution", RESOLUTIONS)
async def test_a_sealed_rollup_with_another_count_is_found(
    robot: Audited, resolution: str
) -> None:
    assert 6 == await robot.store.rollups.seal(SLOT_STOP, 100)
    assert "clean" == (await robot.audit()).state
    blocks = robot.store._database[f"rollups_{resolution}"]
    block = await blocks.find_one({"name": "planner"})
    (index, count, interval), _ = unpack_rows(block["w"])
    count[0] += 1
    doctored = pack_rows([index, count, interval])
    await blocks.update_one({"_id": block["_id"]}, {"$set": {"w": doctored}})

    found = await robot.audit()

    assert "unexplained" == found.state
    assert {resolution: 1} == account(found.runs).unequal_windows
    assert {} == account(found.runs, "host").unequal_windows


async def test_a_missing_tally_is_found(robot: Audited) -> None:
    await robot.store._database["tallies"].delete_one({"sequence": 2})

    found = await robot.audit()

    assert "unexplained" == found.state
    [missing] = found.missing_tallies
    assert (2, 2, MINUTE, MINUTE + 120) == (
        missing.first,
        missing.last,
        missing.from_slot,
        missing.to_slot,
    )
    assert [30, 30] == [each.untallied for each in found.runs]  # the rest is recent


async def test_a_tally_that_was_given_up_is_explained_with_its_batches(
    robot: Audited,
) -> None:
    await robot.store._database["tallies"].delete_one({"sequence": 2})
    await robot.record(gap(MINUTE + 60, MINUTE + 119, missing=0))

    found = await robot.audit()

    assert ("clean", True) == (found.state, found.missing_tallies[0].explained)


async def test_the_first_tally_too_must_be_there(robot: Audited) -> None:
    await robot.store._database["tallies"].delete_one({"sequence": 1})

    assert [1] == [t.first for t in (await robot.audit()).missing_tallies]
    later = await robot.audit(MINUTE + 60)
    assert ("clean", []) == (later.state, later.missing_tallies)


async def test_what_no_tally_says_is_told_once_it_is_old(store: Store) -> None:
    robot = Audited(store)
    await robot.keep(*minutes())
    await robot.tell(*(batch for batch in minutes() if batch.slot < MINUTE + 90))

    found = await robot.audit()

    assert ("clean", 0) == (found.state, found.untallied)
    await robot.keep(*(host_batch(slot=slot) for slot in range(SLOT + 900, SLOT + 902)))
    found = await robot.audit()
    assert [90, 90] == [each.untallied for each in found.runs]


async def test_an_event_that_is_not_stored_is_found(store: Store) -> None:
    robot = Audited(store)
    await robot.keep(*minutes())
    await robot.tell(*minutes(), events=["e-1", "e-2"])
    await robot.record(event(id="e-1"))

    found = await robot.audit()

    assert "unexplained" == found.state
    assert (6, 3, {"e-2"}) == (
        found.events,
        found.missing_events_total,
        set(found.missing_events),
    )
    await robot.record(event(id="e-2"))
    assert "clean" == (await robot.audit()).state


async def test_a_hole_without_a_gap_is_found(store: Store) -> None:
    robot = Audited(store)
    lived = [
        batch for batch in minutes() if not MINUTE + 70 <= batch.slot < MINUTE + 100
    ]
    await robot.keep(*lived)
    await robot.tell(*lived)

    found = await robot.audit()

    assert ("unexplained", 30) == (found.state, found.holes_slots)
    assert [(MINUTE + 70, MINUTE + 99)] == found.holes
    await robot.record(gap(MINUTE + 70, MINUTE + 90, "host_asleep"))
    assert [(MINUTE + 91, MINUTE + 99)] == (await robot.audit()).holes
    await robot.record(gap(MINUTE + 91, MINUTE + 99, "of_a_newer_worker"))
    assert "clean" == (await robot.audit()).state


async def test_a_gap_of_one_process_says_nothing_of_the_host(store: Store) -> None:
    robot = Audited(store)
    lived = [batch for batch in minutes() if batch.slot != MINUTE + 70]
    await robot.keep(*lived)
    await robot.tell(*lived)
    await robot.record(gap(MINUTE + 70, MINUTE + 70, "overrun", process="planner"))

    assert 1 == (await robot.audit()).holes_slots


async def test_a_hole_at_the_border_of_the_range_is_found_if_the_host_was_there(
    robot: Audited,
) -> None:
    await robot.keep(*minutes(1, MINUTE + 600))
    await robot.tell(*minutes(1, MINUTE + 600))

    assert 420 == (await robot.audit(stop=MINUTE + 660)).holes_slots
    inside = await robot.audit(MINUTE + 200, MINUTE + 300)
    assert [(MINUTE + 200, MINUTE + 299)] == inside.holes
    before = await robot.audit(MINUTE - 300, MINUTE + 180)
    assert ("clean", 0) == (before.state, before.holes_slots)


async def test_runs_and_generations_are_accounts_of_their_own(store: Store) -> None:
    """A second that passed twice was taken twice, and is stored twice."""
    robot = Audited(store)
    again = minutes(1, generation=1)
    another = [process_batch(slot=MINUTE + n, run="b-1") for n in range(30)]
    gpu = GpuBatch(
        host="robot",
        run="ab12cd34",
        slot=MINUTE,
        interval_ns=1,
        offset_ns=[0, 1],
        metrics={},
        index=0,
    )
    await robot.keep(*minutes(1), *again, *another, gpu)
    await robot.tell(*minutes(1), *another, gpu)
    await robot.tell(*again, generation=1)

    found = await robot.audit(stop=MINUTE + 60)

    assert "clean" == found.state
    assert [
        ("gpu", 0, 1),
        ("host", 0, 60),
        ("host", 1, 60),
        ("process", 0, 60),
        ("process", 1, 60),
        ("process", 0, 30),
    ] == [(each.kind, each.generation, each.taken) for each in found.runs]
    await robot.lose(again[1])
    [missing] = [r for r in (await robot.audit()).runs if r.missing]
    assert ("process", 1) == (missing.kind, missing.generation)


async def test_two_workers_under_one_name_are_found_out(robot: Audited) -> None:
    await robot.tell(*minutes(1), outbox="an-other")

    found = await robot.audit()

    assert [60, 60] == [each.doubled for each in found.runs]
    assert "unexplained" == found.state


async def test_a_process_in_no_tally_at_all_is_looked_at_too(robot: Audited) -> None:
    await robot.keep(process_batch(slot=MINUTE, process="forgotten"))

    [found] = [r for r in (await robot.audit()).runs if r.name == "forgotten"]

    assert (0, 1, 1) == (found.taken, found.stored, found.untallied)


async def test_a_host_says_what_waits_in_its_outbox(robot: Audited) -> None:
    assert (MINUTE + 179, None) == await last_word(robot.store, "robot")
    metrics = {"outbox_messages": [7]}
    await robot.keep(host_batch(slot=MINUTE + 180, metrics=metrics))

    assert (MINUTE + 180, 7) == await last_word(robot.store, "robot")
    assert await last_word(robot.store, "nobody") is None
    with pytest.raises(NotFoundError, match="nobody"):
        await audit(robot.store, "nobody", MINUTE, SLOT)


async def test_what_is_posted_needs_no_tally_and_hides_no_hole(robot: Audited) -> None:
    """An older worker ran on the host before, and pauses as it likes."""
    posted = [
        host_batch(slot=slot, run="reported-ab", previous=None)
        for slot in (MINUTE - 90, MINUTE - 60, MINUTE - 10)
    ]
    await robot.keep(*posted)
    lost = [host_batch(slot=MINUTE + 70), process_batch(slot=MINUTE + 70)]
    before = await robot.audit(MINUTE - 120)
    assert ("clean", 3, 0) == (
        before.state,
        sum(run.reported for run in before.runs),
        before.untallied,
    )

    await robot.lose(*lost)
    after = await robot.audit(MINUTE - 120)
    assert ("unexplained", 2) == (after.state, sum(r.missing for r in after.runs))


async def test_what_is_posted_and_not_folded_is_a_difference(store: Store) -> None:
    posted = Audited(store)
    await posted.keep(host_batch(slot=MINUTE, run="reported-ab"))
    assert "clean" == (await posted.audit()).state

    await posted.keep(process_batch(slot=MINUTE - 60, run="reported-ab-1-0"))
    await posted.keep(process_batch(slot=MINUTE + 190, run="reported-ab-1-0"))
    assert "clean" == (await posted.audit()).state

    await store.batches.insert([host_batch(slot=MINUTE + 1, run="reported-ab")])
    found = account((await posted.audit()).runs, "host")
    assert {"10s": 1, "1m": 1, "1h": 1} == found.not_folded


async def test_the_last_word_is_the_worker_s_own(robot: Audited) -> None:
    last = MINUTE + 180
    await robot.keep(
        host_batch(slot=last, metrics={"outbox_messages": [5]}),
        host_batch(slot=last + 3, run="reported-ab"),
    )
    assert (last, 5) == await last_word(robot.store, "robot")

    await robot.keep(host_batch(slot=last + 60, run="reported-ab"))
    assert (last + 60, None) == await last_word(robot.store, "robot")
