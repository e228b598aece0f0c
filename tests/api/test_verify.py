"""What hosts ask by way of the broker: is this stored, and what time is it?"""

from __future__ import annotations

import time
from typing import Any

import anyio
import msgspec
import pytest
from audited import MINUTE, Audited, minutes
from builders import event, host_batch, process_batch, tally
from servers import MongoServer, NatsServer, free_port
from waiting import eventually

from robometrics import subjects
from robometrics.api import verify
from robometrics.api.app import make_app, serve
from robometrics.broker import Link
from robometrics.errors import RetryLaterError
from robometrics.requests import Verdict, decode_now, decode_verdict
from robometrics.schema import Tally, TallyRow, encode
from robometrics.store import Store, open_store

from .conftest import Served

OWN = subjects.verify(tally().host)


async def ask(link: Link, data: bytes, subject: str = OWN) -> bytes:
    reply = await link.request(subject, data, timeout_seconds=20)
    assert reply is not None
    return reply


async def verdict(link: Link, sent: Tally, subject: str = OWN) -> Verdict:
    return decode_verdict(await ask(link, encode(sent), subject))


async def test_of_what_is_all_stored_nothing_is_missing(served: Served) -> None:
    robot = Audited(served.store)
    batches = minutes(2, MINUTE + 17)[:120]
    await robot.keep(*batches)
    await robot.record(event(id="e-1"))

    assert Verdict() == await verdict(served.link, tally(*batches, events=["e-1"]))


async def test_what_is_not_stored_is_named_slot_by_slot(served: Served) -> None:
    batches = minutes(1, MINUTE + 17)
    kept = [b for b in batches if b.slot not in (MINUTE + 20, MINUTE + 70)]
    await served.keep(*kept, host_batch(slot=MINUTE + 20))
    sent = tally(*batches, events=["e-1", "e-2"])
    await Audited(served.store).record(event(id="e-2"))

    found = await verdict(served.link, sent)

    host, planner = sent.rows
    assert [
        msgspec.structs.replace(host, slots=1 << 53),
        msgspec.structs.replace(planner, slots=1 << 53 | 1 << 3),
    ] == found.rows
    assert (["e-1"], "") == (found.events, found.problem)


@pytest.mark.parametrize("sealed", [False, True])
async def test_what_is_not_folded_is_missing(served: Served, sealed: bool) -> None:
    await served.keep(process_batch(slot=MINUTE), process_batch(slot=MINUTE + 1))
    if sealed:
        assert 1 == await served.store.rollups.seal(MINUTE + 60, 1)
    pages = served.store._database["rollup_pages"]
    await pages.update_one({}, {"$bit": {"seen": {"xor": 1 << 1}}})
    batches = process_batch(slot=MINUTE), process_batch(slot=MINUTE + 1)

    [row] = (await verdict(served.link, tally(*batches))).rows

    assert 0b10 == row.slots


@pytest.mark.parametrize("changes", [{"run": "b-1"}, {"generation": 1}, {"host": "x"}])
async def test_another_run_generation_or_host_is_not_it(
    served: Served, changes: dict[str, Any]
) -> None:
    await served.keep(process_batch(slot=MINUTE, **changes))

    [row] = (await verdict(served.link, tally(process_batch(slot=MINUTE)))).rows

    assert 1 == row.slots


async def test_a_tally_is_answered_on_the_subject_of_its_host_alone(
    served: Served,
) -> None:
    """The broker lets a worker ask on that of its own host."""
    stored = process_batch(host="robot 7.é")
    await served.keep(stored)
    sent = tally(stored, host=stored.host)
    own = subjects.verify(stored.host)

    assert Verdict() == await verdict(served.link, sent, own)
    for host in ("another", "robot", stored.host[:-1]):
        refused = await verdict(served.link, sent, subjects.verify(host))
        assert ("another host's" in refused.problem, []) == (True, refused.rows)


async def test_a_host_that_nobody_can_be_called_is_told_so(served: Served) -> None:
    problem = (await verdict(served.link, tally(host="é" * 60))).problem

    assert "too long" in problem


async def test_a_tally_of_nothing_is_stored(served: Served) -> None:
    assert Verdict() == await verdict(served.link, tally())


async def test_the_largest_tally_is_answered(served: Served) -> None:
    rows = [
        TallyRow("process", f"{n:0100}", "a" * 64, 2**60 - 1, 2**32) for n in range(400)
    ]
    sent = tally(rows=rows, events=[f"{n:064}" for n in range(2_000)])

    found = await verdict(served.link, sent)

    assert (rows, sent.events) == (found.rows, found.events)


@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"\xc1", "invalid"), (b"", "truncated"), (encode(event()), "not a tally")],
)
async def test_what_is_no_tally_gets_a_problem_for_an_answer(
    served: Served, data: bytes, problem: str
) -> None:
    answer = decode_verdict(await ask(served.link, data))
    assert problem in answer.problem
    assert Verdict() == await verdict(served.link, tally())


async def test_a_bug_is_answered_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> Verdict:
        raise ZeroDivisionError

    monkeypatch.setattr(verify, "verdict", broken)

    assert "a bug" in (await verdict(served.link, tally())).problem


async def test_a_crowd_is_told_to_come_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = anyio.Event()

    async def slow(*_: object) -> Verdict:
        await opened.wait()
        return Verdict()

    monkeypatch.setattr(verify, "verdict", slow)
    answers: list[Verdict] = []

    async def one() -> None:
        answers.append(await verdict(served.link, tally()))

    async with anyio.create_task_group() as tg:
        for _ in range(verify.WAITING_MAX + verify.AT_ONCE + 5):
            tg.start_soon(one)
        await eventually(lambda: len(answers) >= 5)
        opened.set()
    busy = [answer for answer in answers if answer.problem]
    assert ({"the server is busy: ask again later"}, True) == (
        {answer.problem for answer in busy},
        5 <= len(busy) < len(answers),
    )


async def test_the_time_is_told(served: Served) -> None:
    before = time.time_ns()
    now = decode_now(await ask(served.link, b"", subjects.TIME))

    assert before <= now.now_ns <= time.time_ns()


async def test_it_answers_again_after_the_broker_was_away(
    served: Served, nats_server: NatsServer
) -> None:
    nats_server.kill()
    await eventually(lambda: not served.link.is_up)
    nats_server.start()

    async def answers() -> bool:
        try:
            return (
                await served.link.request(subjects.TIME, b"", timeout_seconds=1)
                is not None
            )
        except RetryLaterError:
            return False

    await eventually(answers)
    assert Verdict() == await verdict(served.link, tally())


async def test_without_a_database_it_says_that_it_cannot_tell(
    link: Link, mongo_server: MongoServer, database_name: str
) -> None:
    async with open_store(mongo_server.url, database_name) as store:
        await store.prepare()
        async with verify.answering(link, store):
            assert Verdict() == await verdict(link, tally())
            mongo_server.kill()
            problem = (await verdict(link, tally(process_batch()))).problem
    assert "MongoDB" in problem


async def test_of_two_servers_one_verifies_and_none_once_they_stop(
    link: Link, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Tally] = []

    async def count(_: Store, sent: Tally) -> Verdict:
        asked.append(sent)
        return Verdict()

    monkeypatch.setattr(verify, "verdict", count)
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        for _ in range(2):
            app = make_app(link, store)
            tg.start_soon(serve, app, "127.0.0.1", free_port(), stop)

        async def answers() -> bool:
            return await link.request(subjects.TIME, b"", timeout_seconds=1) is not None

        await eventually(answers)
        for sequence in range(1, 21):
            await verdict(link, tally(sequence=sequence))
        stop.set()
    assert list(range(1, 21)) == sorted(sent.sequence for sent in asked)
    for subject in (OWN, subjects.VERIFY):
        assert await link.request(subject, b"", timeout_seconds=1) is None
