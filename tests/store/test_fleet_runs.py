"""Runs: how they began, went on and ended, and which are found."""

from __future__ import annotations

import random

import pytest
from builders import SLOT, process_batch

from robometrics.schema import NS_PER_SECOND
from robometrics.store import Store
from robometrics.store.fleet_rows import process_key

from .sighting import AT, ended, only_run, registered, see


async def test_a_run_that_exited_says_how(store: Store) -> None:
    await store.fleet.record([registered(), ended(AT + 7 * NS_PER_SECOND)])

    run = await only_run(store)

    assert ("exited", 3, AT + 7 * NS_PER_SECOND, SLOT + 7) == (
        run.end,
        run.exit_code,
        run.ended_ns,
        run.last_slot,
    )


async def test_a_run_registered_again_goes_on(store: Store) -> None:
    await store.fleet.record(
        [registered(), ended(AT + 1, "unregistered"), registered(AT + 2)]
    )

    run = await only_run(store)

    assert (None, None, AT + 2) == (run.end, run.ended_ns, run.registered_ns)


async def test_a_run_known_by_its_registration_alone_has_its_pid(store: Store) -> None:
    await store.fleet.record([registered()])

    run = await only_run(store)

    assert (42, None, SLOT) == (run.pid, run.first_slot, run.last_slot)


async def test_the_latest_run_of_a_process_is_found(store: Store) -> None:
    await store.fleet.see(
        [process_batch(), process_batch(slot=SLOT + 60, run="second", pid=43)]
    )
    [row] = await store.fleet.processes("robot")

    found = await store.fleet.runs_of([row])

    assert ("second", 43) == (row.run, row.pid)
    assert "second" == found[process_key(row)].run
    assert {} == await store.fleet.runs_of([])


async def test_runs_come_newest_first_and_limited(store: Store) -> None:
    batches = [process_batch(slot=SLOT + n, run=f"r{n}") for n in range(5)]
    random.Random(1).shuffle(batches)  # noqa: S311  an order, no secret
    await store.fleet.see(batches)

    runs = await store.fleet.runs("robot", "planner", limit=3)

    assert ["r4", "r3", "r2"] == [run.run for run in runs]
    assert [] == await store.fleet.runs("robot", "mapper", limit=3)
    assert [] == await store.fleet.runs("other", limit=3)


@pytest.mark.parametrize(
    ("start", "stop", "found"),
    [
        (SLOT, SLOT + 10, {"a-1-1"}),
        (SLOT + 15, SLOT + 25, {"a-1-1", "a-2-2"}),
        (SLOT + 41, SLOT + 99, set()),
        (SLOT - 9, SLOT - 1, set()),
    ],
)
async def test_runs_of_a_time_are_those_seen_in_it(
    store: Store, start: int, stop: int, found: set[str]
) -> None:
    for run, first in (("a-1-1", SLOT), ("a-2-2", SLOT + 20)):
        await see(
            store,
            *(process_batch(run=run, slot=slot) for slot in (first, first + 20)),
        )
    await store.fleet.see([process_batch(host="other", run="b-1-1", slot=SLOT + 20)])
    rows = await store.fleet.runs_between(["robot", "nobody"], start, stop, limit=9)
    assert found == {row.run for row in rows}
    limited = await store.fleet.runs_between(["robot"], SLOT, SLOT + 99, limit=1)
    assert 1 == len(limited)
