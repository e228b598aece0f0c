"""What a consumer stores, what it acknowledges, and what it sets aside."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import anyio
import pytest
from builders import SLOT, event, host_batch, process_batch, tally
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.errors import RetryLaterError
from robometrics.schema import Tally, encode
from robometrics.store import Series, Store, group_key, sightings

from .consuming import publish, run_until_drained, running

PLANNER = Series("robot", "process", "planner")


async def test_a_batch_becomes_one_document_with_every_value(
    link: Link, store: Store
) -> None:
    batch = process_batch()
    await publish(link, (subjects.process_samples("robot", "planner"), encode(batch)))

    await run_until_drained(link, store, persist, rollup)

    stored = [b async for b in store.batches.read(PLANNER, SLOT, SLOT + 1)]
    assert [batch] == stored


async def test_host_batches_and_events_are_kept_too(link: Link, store: Store) -> None:
    registered = event(
        id="e-2",
        event="registered",
        process="planner",
        run="ab12cd34-42-777",
        pid=42,
        started_at_ns=1,
        command="planner --fast",
        tags={"team": "nav"},
    )
    await publish(
        link,
        (subjects.host_samples("robot"), encode(host_batch())),
        (subjects.process_samples("robot", "planner"), encode(process_batch())),
        (subjects.events("robot"), encode(registered)),
    )

    await run_until_drained(link, store, persist, rollup)

    [host] = await store.fleet.hosts()
    assert ("robot", SLOT, 1) == (host.host, host.last_slot, host.process_count)
    [run] = await store.fleet.runs("robot", "planner", limit=10)
    assert ("planner --fast", {"team": "nav"}) == (run.command, run.tags)
    series = Series("robot", "host", "")
    stored = [b async for b in store.batches.read(series, SLOT, SLOT + 1)]
    assert [host_batch()] == stored


async def last_slot(store: Store) -> int:
    [host] = await store.fleet.hosts()
    return host.last_slot


async def test_who_was_seen_last_is_written_when_a_consumer_rests_or_ends(
    link: Link, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "WAIT_SECONDS", 600.0)
    [first, second, third] = [
        (subjects.host_samples("robot"), encode(host_batch(slot=SLOT + number)))
        for number in range(3)
    ]
    await publish(link, first)
    await run_until_drained(link, store, persist)
    assert SLOT == await last_slot(store)

    async with running(loop := persist(link, store, fetch_batches=100)):
        await publish(link, second)
        await eventually(lambda: loop.absorbed == 1)
        assert SLOT == await last_slot(store)  # it waits for more
    assert SLOT + 1 == await last_slot(store)

    async with running(loop := persist(link, store, fetch_batches=100)):
        await publish(link, third)
        await eventually(lambda: loop.absorbed == 1)
        monkeypatch.setattr(sightings, "WAIT_SECONDS", 0.0)

        async def written() -> bool:
            return await last_slot(store) == SLOT + 2

        await eventually(written)


async def test_a_batch_sent_twice_is_stored_and_folded_once(
    link: Link, store: Store
) -> None:
    """Beyond the broker's own window for duplicates, ours is the last guard."""
    subject = subjects.process_samples("robot", "planner")
    copies = [(subject, encode(process_batch()))] * 3
    await publish(link, *copies)

    await run_until_drained(link, store, persist, rollup)

    assert 1 == len([b async for b in store.batches.read(PLANNER, SLOT, SLOT + 1)])
    for resolution in ("10s", "1m", "1h"):
        [window] = [
            w
            async for w in store.rollups.read(
                PLANNER, resolution, SLOT - 3600, SLOT + 3600
            )
        ]
        assert 2 == window.stats.count


async def test_a_tally_is_kept_before_it_is_acknowledged(
    link: Link, store: Store
) -> None:
    sent = tally(process_batch())
    subject = subjects.events("robot")
    await publish(link, (subject, encode(sent)), (subject, encode(sent)))

    [loop] = await run_until_drained(link, store, persist)

    assert 2 == loop.absorbed
    assert [sent] == [t async for t in store.tallies.read("robot", SLOT, SLOT + 1)]


async def test_a_tally_that_could_not_be_kept_is_delivered_again(
    link: Link, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, refused = store.tallies.insert, []

    async def fail_once(tallies: Sequence[Tally]) -> None:
        if not refused:
            refused.extend(tallies)
            raise RetryLaterError("the database is away")
        await keep(tallies)

    monkeypatch.setattr(store.tallies, "insert", fail_once)
    monkeypatch.setattr("robometrics.consumers.loop.RETRY_SECONDS", 0.01)
    sent = tally(process_batch())
    await publish(link, (subjects.events("robot"), encode(sent)))

    await run_until_drained(link, store, persist)

    assert [sent] == refused
    assert [sent] == [t async for t in store.tallies.read("robot", SLOT, SLOT + 1)]


async def test_a_tally_of_another_host_is_a_dead_letter(
    link: Link, store: Store
) -> None:
    await publish(link, (subjects.events("robot"), encode(tally(host="another"))))

    await run_until_drained(link, store, persist)

    [letter] = await store.dead_letters.latest(10)
    assert "belongs on" in letter.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xc1garbage", "invalid"),
        (encode(process_batch(host="another")), "belongs on"),
        (encode(process_batch(offset_ns=[5, 5])), "must increase"),
        (b"x" * 200_000, "expected"),
    ],
)
async def test_garbage_becomes_a_dead_letter_and_the_consumers_go_on(
    link: Link, store: Store, data: bytes, reason: str
) -> None:
    subject = subjects.process_samples("robot", "planner")
    await publish(link, (subject, data), (subject, encode(process_batch())))

    loops = await run_until_drained(link, store, persist, rollup)

    letters = await store.dead_letters.latest(10)
    assert {"persist", "rollup"} == {letter.consumer for letter in letters}
    assert all(letter.data == data for letter in letters)
    assert all(reason in letter.reason.lower() for letter in letters)
    assert [1, 1] == [loop.discarded for loop in loops]
    assert 1 == len([b async for b in store.batches.read(PLANNER, SLOT, SLOT + 1)])


async def test_a_subject_that_is_not_text_is_set_aside_too(
    link: Link, store: Store, nats_server: NatsServer
) -> None:
    """nats-py expects UTF-8 in subjects, and would end its read loop."""

    def publish_raw() -> None:
        with socket.create_connection(("127.0.0.1", nats_server.port)) as raw:
            raw.sendall(
                b'CONNECT {"verbose":false}\r\n'
                b"PUB robometrics.v1.samples.\xff\xfe.host 1\r\nx\r\nPING\r\n"
            )
            answer = b""
            while b"PONG" not in answer:
                answer += raw.recv(4096)

    await anyio.to_thread.run_sync(publish_raw)
    subject = subjects.process_samples("robot", "planner")
    await publish(link, (subject, encode(process_batch())))

    await run_until_drained(link, store, persist, rollup)

    assert {"persist", "rollup"} == {
        letter.consumer for letter in await store.dead_letters.latest(10)
    }
    assert 1 == len([b async for b in store.batches.read(PLANNER, SLOT, SLOT + 1)])


async def test_a_page_the_server_refuses_refuses_only_its_own_batches(
    link: Link, store: Store
) -> None:
    """One host's oddity must not hold up everybody's rollups."""
    refuse = {"name": {"$ne": "odd"}}
    await store._database.command("collMod", "rollup_pages", validator=refuse)
    odd = process_batch(process="odd")

    refused = await store.rollups.fold([odd, process_batch()])

    assert [group_key(odd)] == [*refused]
    windows = store.rollups.read(PLANNER, "1h", SLOT - 3600, SLOT + 3600)
    assert [2] == [window.stats.count async for window in windows]


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "registered", "process": "planner"},
        {"event": "exited", "run": "a-1-1"},
        {"event": "registered", "process": "é" * 90, "run": "a-1-1"},
    ],
)
async def test_an_event_that_names_no_run_is_a_dead_letter(
    link: Link, store: Store, changes: dict[str, str]
) -> None:
    await publish(link, (subjects.events("robot"), encode(event(**changes))))
    await run_until_drained(link, store, persist)
    assert 1 == await store.dead_letters.count()
    assert [] == await store.fleet.processes()
