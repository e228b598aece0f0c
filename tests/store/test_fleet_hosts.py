"""Hosts: what the newest batch says of them, and when it is written."""

from __future__ import annotations

import itertools

from builders import SLOT, event, host_batch, process_batch

from robometrics.schema import AnyBatch
from robometrics.store import Store
from robometrics.store.sightings import Sightings

from .sighting import AT, fresh, see


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
