"""Who was seen when: the same rows, in whatever order the news comes."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
from builders import SLOT, event, host_batch, process_batch
from servers import MongoServer

from robometrics.schema import AnyBatch
from robometrics.store import Fleet, HostRow, ProcessRow, RunRow, Store, open_store

from .sighting import AT, RUN, ended, fresh, only_run, registered, see


async def rows(fleet: Fleet) -> tuple[list[bytes], list[bytes], list[bytes]]:
    runs = await fleet.runs("robot", limit=100)
    return (
        [*map(msgspec.json.encode, await fleet.hosts())],
        [*map(msgspec.json.encode, await fleet.processes())],
        sorted(map(msgspec.json.encode, runs)),
    )


async def test_batches_make_hosts_processes_and_runs(store: Store) -> None:
    await store.fleet.see(
        [
            host_batch(),
            process_batch(),
            process_batch(slot=SLOT + 9),
            process_batch(process="mapper", run="m-1", pid=7),
        ]
    )

    assert [
        HostRow(host="robot", first_slot=SLOT, last_slot=SLOT + 9, process_count=2)
    ] == await store.fleet.hosts()
    mapper = ProcessRow(
        host="robot",
        process="mapper",
        first_slot=SLOT,
        last_slot=SLOT,
        run="m-1",
        pid=7,
    )
    planner = ProcessRow(
        host="robot",
        process="planner",
        first_slot=SLOT,
        last_slot=SLOT + 9,
        run=RUN,
        pid=42,
    )
    assert [mapper, planner] == await store.fleet.processes("robot")
    runs = await store.fleet.runs("robot", limit=10)
    assert [(RUN, 42, SLOT, SLOT + 9), ("m-1", 7, SLOT, SLOT)] == [
        (run.run, run.pid, run.first_slot, run.last_slot) for run in runs
    ]


async def test_any_order_of_batches_with_repeats_leaves_the_same_rows(
    store: Store,
) -> None:
    batches: list[AnyBatch] = [
        process_batch(slot=SLOT),
        process_batch(slot=SLOT + 10),
        process_batch(slot=SLOT + 20, run="second", pid=43),
        host_batch(slot=SLOT + 5),
    ]
    await store.fleet.see(batches)
    expected = await rows(store.fleet)

    for order in itertools.permutations(batches):
        await fresh(store)
        for batch in (*order, *order[:2]):
            await see(store, batch)
        assert expected == await rows(store.fleet)


async def test_any_order_of_events_with_repeats_leaves_the_same_rows(
    store: Store,
) -> None:
    news = [
        registered(AT),
        ended(AT + 5, "unregistered"),
        registered(AT + 9, command="planner --slow", tags={"team": "arm"}),
        ended(AT + 20),
        event(id="w-1"),
    ]
    await store.fleet.record(news)
    expected = await rows(store.fleet)
    assert ("exited", 3, AT + 20) == (
        (await only_run(store)).end,
        (await only_run(store)).exit_code,
        (await only_run(store)).ended_ns,
    )
    assert ("planner --slow", {"team": "arm"}) == (
        (await only_run(store)).command,
        (await only_run(store)).tags,
    )

    for order in itertools.permutations(news):
        await fresh(store)
        for one in (*order, *order[:2]):
            await store.fleet.record([one])
        assert expected == await rows(store.fleet)


@pytest.mark.parametrize("events_first", [True, False])
async def test_events_and_batches_may_come_in_either_order(
    store: Store, events_first: bool
) -> None:
    if events_first:
        await store.fleet.record([registered()])
        await store.fleet.see([process_batch()])
    else:
        await store.fleet.see([process_batch()])
        await store.fleet.record([registered()])

    assert RunRow(
        host="robot",
        process="planner",
        run=RUN,
        pid=42,
        first_slot=SLOT,
        last_slot=SLOT,
        started_at_ns=AT - 1,
        registered_ns=AT,
        command="planner --fast",
        tags={"team": "nav"},
    ) == await only_run(store)


async def test_what_is_read_can_be_sent_on(store: Store) -> None:
    """The driver's own class of 64-bit integers is one no encoder knows."""
    await store.fleet.see([host_batch(), process_batch()])
    await store.fleet.record([registered(), ended(AT + 1)])

    assert all(await rows(store.fleet))


HOSTILE = ["*", ">", "a b", "é", "..", "$JS", "$where", "\0", "a/b", "a.b", "-"]


async def test_hostile_names_are_hosts_and_processes_like_any_other(
    store: Store,
) -> None:
    await store.fleet.see(
        [
            process_batch(host=host, process=process)
            for host in HOSTILE
            for process in HOSTILE
        ]
    )

    assert set(HOSTILE) == {row.host for row in await store.fleet.hosts()}
    for host in HOSTILE:
        assert await store.fleet.knows_host(host)
        found = await store.fleet.processes(host)
        assert set(HOSTILE) == {row.process for row in found}
    assert not await store.fleet.knows_host("a")


async def test_writers_that_create_the_same_rows_at_once_both_succeed(
    store: Store, shared_mongo: MongoServer, database_name: str
) -> None:
    batches = [process_batch(process=f"p{n}", run=f"r{n}") for n in range(50)]
    news = [registered(AT + n, run=f"r{n}", process=f"p{n}") for n in range(50)]
    async with (
        open_store(shared_mongo.url, database_name) as second,
        open_store(shared_mongo.url, database_name) as third,
    ):
        await asyncio.gather(
            *(s.fleet.see(batches) for s in (store, second, third)),
            *(s.fleet.record(news) for s in (store, second, third)),
        )

    [host] = await store.fleet.hosts()
    assert 50 == host.process_count
    runs = await store.fleet.runs("robot", limit=100)
    assert {f"r{n}" for n in range(50)} == {run.run for run in runs}
    assert 50 == await store._database["events"].count_documents({})


async def test_recording_nothing_is_nothing(store: Store) -> None:
    await store.fleet.record([])
    await store.fleet.see([])

    assert ([], [], []) == await rows(store.fleet)
