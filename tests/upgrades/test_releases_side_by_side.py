"""Workers and servers of two releases work together, whichever is the older."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from builders import SLOT, fields, process_batch
from consumers.consuming import publish, run_until_drained
from golden import (
    EVENT_V1,
    FACTS_V1,
    GAP_V1,
    GPU_V1,
    HOST_V1,
    PROCESS_V1,
    REGISTERED_V1,
    REPLIES_V1,
    REQUESTS_V1,
    TALLY_V1,
    VERDICTS_V1,
)

from robometrics import subjects
from robometrics.api.verify import answering
from robometrics.broker import AckedPublisher, Link, Message
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.errors import DiscardMessageError, NoVerifierError
from robometrics.publisher.destination import Destination
from robometrics.requests import (
    AnyRequest,
    Reply,
    decode_reply,
    decode_request,
    decode_verdict,
    encode_request,
)
from robometrics.schema import AnyBatch, decode_note, encode
from robometrics.store import Series, Store

BATCHES: list[tuple[AnyBatch, str]] = [PROCESS_V1, HOST_V1, GPU_V1]
EVENTS = [EVENT_V1, GAP_V1, FACTS_V1, REGISTERED_V1]
MORE = {"of_a_later_release": {"a": [1, None]}}


def packed(message: Any, **more: Any) -> bytes:
    """Return *message* as a later release might send it."""
    return msgspec.msgpack.encode(fields(message) | MORE | {"version": 2} | more)


async def read(store: Store, *series: str) -> list[AnyBatch]:
    found = store.batches.read(Series("robot", *series), SLOT - 60, SLOT + 60)
    return [batch async for batch in found]


async def test_what_a_worker_of_release_1_sends_is_stored_whole(
    link: Link, store: Store
) -> None:
    sent = [
        (subjects.samples(batch.host, batch.kind, batch.name), bytes.fromhex(golden))
        for batch, golden in BATCHES
    ]
    notes = [bytes.fromhex(golden) for _, golden in (*EVENTS, TALLY_V1)]
    sent += [(subjects.events("robot"), data) for data in notes]
    await publish(link, *sent)

    await run_until_drained(link, store, persist, rollup)

    assert [] == await store.dead_letters.ids()
    for batch, _ in BATCHES:
        assert [batch] == await read(store, batch.kind, batch.name)
    assert len(EVENTS) == await store._database["events"].count_documents({})
    tallies = store.tallies.read("robot", SLOT, SLOT + 1)
    assert [TALLY_V1[0]] == [tally async for tally in tallies]


async def test_a_worker_of_release_1_understands_what_it_is_answered(
    link: Link, store: Store
) -> None:
    """It asks with a tally, and reads rows by position: these may not move."""
    data = bytes.fromhex(TALLY_V1[1])
    async with answering(link, store):
        answer = await link.request(subjects.VERIFY, data, timeout_seconds=20)

    assert answer is not None
    said = msgspec.msgpack.decode(answer)
    assert {"rows", "events"} == {*said}
    assert msgspec.to_builtins(TALLY_V1[0].rows) == said["rows"]
    assert TALLY_V1[0].events == said["events"]


async def test_a_worker_asks_a_server_of_release_1_where_that_one_listens(
    link: Link, store: Store
) -> None:
    """Releases before hosts had subjects of their own to ask on."""
    tally, verdict = TALLY_V1[0], VERDICTS_V1[0]
    asked: list[str] = []

    async def answer(message: Message) -> None:
        asked.append(message.subject)
        await message.respond(bytes.fromhex(verdict[1]))

    async with AckedPublisher.open(link, max_in_flight=8) as publisher:
        destination = Destination(link, publisher)
        old = await link.subscribe(subjects.VERIFY, answer)
        assert [verdict[0]] == await destination.judge([tally])
        await link.unsubscribe(old)
        with pytest.raises(NoVerifierError):
            await destination.judge([tally])
        async with answering(link, store):
            [told] = await destination.judge([tally])
    assert tally.rows == told.rows
    assert [subjects.VERIFY] == asked


async def test_of_a_later_worker_everything_known_here_is_stored(
    link: Link, store: Store
) -> None:
    batch = process_batch()
    metrics = {**batch.metrics, "flux_capacitor_volts": [1.21, 1.22]}
    subject = subjects.process_samples("robot", "planner")
    await publish(link, (subject, packed(batch, metrics=metrics)))

    await run_until_drained(link, store, persist, rollup)

    assert [] == await store.dead_letters.ids()
    [found] = await read(store, "process", "planner")
    assert metrics == found.metrics
    assert batch.previous == found.previous


async def test_what_only_a_later_server_can_read_is_kept_for_it(
    link: Link, store: Store
) -> None:
    """``dead-letters replay`` publishes it again, once the server is that release."""
    strange = packed(process_batch(), kind="swarm")
    event = packed(EVENT_V1[0], event="teleported")
    batch = process_batch(slot=SLOT + 1)
    await publish(
        link,
        (f"{subjects.SAMPLES.removesuffix('>')}robot.swarm.planner", strange),
        (subjects.events("robot"), event),
        (subjects.process_samples("robot", "planner"), encode(batch)),
    )

    await run_until_drained(link, store, persist, rollup)

    letters = await store.dead_letters.latest(9)
    assert {("persist", strange), ("rollup", strange), ("persist", event)} == {
        (letter.consumer, letter.data) for letter in letters
    }
    assert all("swarm" in x.reason or "teleported" in x.reason for x in letters)
    assert [batch] == await read(store, "process", "planner")


@pytest.mark.parametrize(("request_", "golden"), REQUESTS_V1)
def test_a_worker_answers_programs_of_later_releases(
    request_: AnyRequest, golden: bytes
) -> None:
    later = msgspec.json.encode(msgspec.json.decode(golden) | MORE)

    assert request_ == decode_request(later)


def test_a_request_that_only_a_later_worker_knows_is_refused_by_name() -> None:
    with pytest.raises(DiscardMessageError, match="hibernate"):
        decode_request(b'{"type":"hibernate"}')


@pytest.mark.parametrize(("reply", "golden"), REPLIES_V1)
def test_programs_understand_workers_of_later_releases(
    reply: Reply, golden: bytes
) -> None:
    later = msgspec.json.encode(msgspec.json.decode(golden) | MORE)

    assert reply == decode_reply(later)
    assert golden == encode_request(reply)


def test_a_worker_understands_servers_of_later_releases() -> None:
    for verdict, golden in VERDICTS_V1:
        later = msgspec.msgpack.decode(bytes.fromhex(golden)) | MORE
        assert verdict == decode_verdict(msgspec.msgpack.encode(later))


@pytest.mark.parametrize(("sent", "golden"), [*EVENTS, TALLY_V1])
def test_a_server_understands_what_later_workers_tell(sent: Any, golden: str) -> None:
    later = msgspec.msgpack.decode(bytes.fromhex(golden)) | MORE

    assert sent == decode_note(msgspec.msgpack.encode(later))
