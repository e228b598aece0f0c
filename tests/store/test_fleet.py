"""Who was seen when: the same rows, in whatever order the news comes."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import msgspec
import pytest
from builders import SLOT, event, host_batch, process_batch
from servers import MongoServer

from robometrics.schema import NS_PER_SECOND, AnyBatch, Event
from robometrics.store import (
    Fleet,
    HostRow,
    ProcessRow,
    RunRow,
    Store,
    open_store,
)
from robometrics.store.fleet_rows import process_key
from robometrics.store.sightings import Sightings

RUN = "ab12cd34-42-777"
AT = SLOT * NS_PER_SECOND


def registered(at_ns: int = AT, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"r-{at_ns}",
        "event": "registered",
        "at_ns": at_ns,
        "process": "planner",
        "run": RUN,
        "pid": 42,
        "started_at_ns": AT - 1,
        "command": "planner --fast",
        "tags": {"team": "nav"},
    }
    return event(**values | changes)


def ended(at_ns: int, how: str = "exited", **changes: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"x-{at_ns}",
        "event": how,
        "at_ns": at_ns,
        "process": "planner",
        "run": RUN,
        "exit_code": 3 if how == "exited" else None,
    }
    return event(**values | changes)


async def rows(fleet: Fleet) -> tuple[list[bytes], list[bytes], list[bytes]]:
    runs = await fleet.runs("robot", limit=100)
    return (
        [*map(msgspec.json.encode, await fleet.hosts())],
        [*map(msgspec.json.encode, await fleet.processes())],
        sorted(map(msgspec.json.encode, runs)),
    )


async def fresh(store: Store) -> None:
    """Empty the rows, and forget what was written."""
    for collection in ("hosts", "processes", "runs", "events"):
        await store._database[collection].delete_many({})
    store.fleet._sightings = Sightings()


async def see(store: Store, *batches: AnyBatch) -> None:
    """See *batches*, and write it."""
    await store.fleet.see(batches)
    await store.fleet.settle(everything=True)


async def only_run(store: Store) -> RunRow:
    [run] = await store.fleet.runs("robot", limit=10)
    return run


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


def reading(slot: int, **values: int | None) -> AnyBatch:
    columns = {"load_1m": [0.5]} | {key: [value] for key, value in values.items()}
    return host_batch(slot=slot, metrics=columns)


async def test_a_host_shows_what_its_newest_batch_says_of_itself(store: Store) -> None:
    batches = [
        reading(SLOT, outbox_messages=9, clock_offset_ns=-4),
        reading(SLOT + 10, outbox_messages=3, clock_offset_ns=2**40),
        reading(SLOT + 5, outbox_messages=7),
        process_batch(slot=SLOT + 20),
    ]
    for order in itertools.permutations(batches):
        await fresh(store)
        for batch in (*order, *order[:2]):
            await see(store, batch)
        [host] = await store.fleet.hosts()
        assert (3, 2**40, SLOT + 20) == (
            host.outbox_messages,
            host.clock_offset_ns,
            host.last_slot,
        )


async def test_what_a_host_does_not_say_is_not_known(store: Store) -> None:
    await see(store, reading(SLOT, outbox_messages=9, clock_offset_ns=1))
    await see(store, reading(SLOT + 5, outbox_messages=None))

    [host] = await store.fleet.hosts()

    assert (None, None) == (host.outbox_messages, host.clock_offset_ns)


async def test_what_is_seen_is_written_within_five_seconds(
    store: Store,
) -> None:
    now = itertools.count()
    store.fleet._sightings = Sightings(lambda: next(now))
    for slot in range(SLOT, SLOT + 33):
        await store.fleet.see([reading(slot, outbox_messages=slot)])
        [host] = await store.fleet.hosts()
        assert SLOT == host.first_slot
        assert slot - 5 < host.last_slot <= slot
        assert host.last_slot == host.outbox_messages


async def test_who_catches_up_is_at_most_half_a_minute_of_samples_behind(
    store: Store,
) -> None:
    store.fleet._sightings = Sightings(lambda: 7.0)
    seen = set()
    for slot in range(SLOT, SLOT + 100):
        await store.fleet.see([host_batch(slot=slot)])
        [row] = await store.fleet.hosts()
        assert slot - 30 < row.last_slot <= slot
        seen.add(row.last_slot)
    assert {SLOT, SLOT + 30, SLOT + 60, SLOT + 90} == seen

    await store.fleet.settle()
    assert SLOT + 90 == (await store.fleet.hosts())[0].last_slot
    await store.fleet.settle(everything=True)
    assert SLOT + 99 == (await store.fleet.hosts())[0].last_slot


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


async def test_what_is_read_can_be_sent_on(store: Store) -> None:
    """The driver's own class of 64-bit integers is one no encoder knows."""
    await store.fleet.see([host_batch(), process_batch()])
    await store.fleet.record([registered(), ended(AT + 1)])

    assert all(await rows(store.fleet))


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


HOSTILE = ["*", ">", "a b", "é", "..", "$JS", "$where", "\0", "a/b", "a.b", "-"]


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


async def test_what_a_host_is_makes_it_known_and_the_latest_counts(
    store: Store,
) -> None:
    """In whatever order it comes; what other events do not say changes nothing."""
    told = [
        event(id=f"f-{late}", at_ns=AT + late, facts={"cpu_count": late})
        for late in (1, 3, 2)
    ]
    await store.fleet.record([*told, event(id="s-1", at_ns=AT + 9)])
    await store.fleet.record(told)

    [row] = await store.fleet.hosts()
    assert ("robot", {"cpu_count": 3}, AT + 3) == (
        row.host,
        row.facts,
        row.facts_at_ns,
    )
    assert (SLOT, SLOT) == (row.first_slot, row.last_slot)


async def test_what_is_posted_says_nothing_of_a_worker_s_outbox(store: Store) -> None:
    own = host_batch(metrics={"outbox_messages": [7]})
    posted = host_batch(run="reported-ab", slot=SLOT + 60, metrics={"load_1m": [1]})
    await store.fleet.see([own, posted])

    [row] = await store.fleet.hosts()
    assert (7, SLOT + 60) == (row.outbox_messages, row.last_slot)
