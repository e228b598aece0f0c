"""``robometrics dead-letters``: a letter is seen, sent again, or forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import anyio
import pytest
from builders import SLOT, process_batch
from servers import MongoServer, NatsServer, free_port

from robometrics import subjects
from robometrics.broker import Link, Puller
from robometrics.cli.main import main
from robometrics.schema import encode
from robometrics.store import DeadLetter, Store

SUBJECT = subjects.process_samples("robot", "planner")
BATCH = encode(process_batch())


class Done(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Awaitable[Done]]


def letter(**changes: Any) -> DeadLetter:
    values: dict[str, Any] = {
        "stream_sequence": 7,
        "consumer": "persist",
        "subject": SUBJECT,
        "reason": "came too often",
        "data": BATCH,
    }
    return DeadLetter(**values | changes)


@pytest.fixture
def dead_letters(
    nats_server: NatsServer,
    shared_mongo: MongoServer,
    database_name: str,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """The command, with the servers of this test."""
    flags = [f"--nats-url={nats_server.url}", f"--mongo-url={shared_mongo.url}"]
    flags += [f"--mongo-database={database_name}"]

    async def run(verb: str, *words: str) -> Done:
        argv = ["dead-letters", verb, *flags, *words]
        code = await anyio.to_thread.run_sync(partial(main, argv))
        return Done(code, *capsys.readouterr())

    return run


async def ids_of(store: Store) -> list[str]:
    return [letter.id for letter in await store.dead_letters.latest(100)]


async def test_without_letters_the_list_says_so(
    store: Store, dead_letters: Command
) -> None:
    assert (0, "no dead letters\n", "") == await dead_letters("list")


async def test_the_list_has_what_was_asked_for(
    store: Store, dead_letters: Command
) -> None:
    other = letter(consumer="rollup", subject=subjects.events("other"), data=b"x")
    await store.dead_letters.insert([letter(), letter(stream_sequence=8), other])

    everything = await dead_letters("list")
    one = await dead_letters("list", "--limit=1")
    rollup = await dead_letters("list", "--consumer=rollup")
    events = await dead_letters("list", "--subject=*.events.*")
    none = await dead_letters("list", "--subject=*.events.*", "--consumer=persist")

    assert [4, 3, 3, 3] == [
        len(done.out.splitlines()) for done in (everything, one, rollup, events)
    ]
    assert rollup.out == events.out
    assert "rollup:7:" in rollup.out
    assert rollup.out.endswith("1 of 3\n")
    assert "no dead letters\n" == none.out


async def test_a_letter_that_decodes_is_shown_as_what_it_says(
    store: Store, dead_letters: Command
) -> None:
    await store.dead_letters.insert([letter()])
    [letter_id] = await ids_of(store)

    done = await dead_letters("show", letter_id)

    assert 0 == done.code
    for part in (letter_id, SUBJECT, "came too often", '"process": "planner"'):
        assert part in done.out
    assert "|" in done.out  # of the hexdump
    assert "breaks the schema" not in done.out


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xc1garbage", "and is no MessagePack"),
        (b"\x81\xa5robot\x07", '"robot": 7'),
        (b"\x81\x92\x01\x02\x07", "(1, 2): 7"),
        (b"\x91" * 100_000 + b"\x00", "and is no MessagePack"),
        (b"\x81\xa1a\xd9\x07\x1b[31m\xc2\x9b", "breaks the schema"),
        (bytes(5_000), "... and 2952 bytes more"),
    ],
)
async def test_a_letter_that_does_not_decode_is_shown_all_the_same(
    store: Store, dead_letters: Command, data: bytes, expected: str
) -> None:
    hostile = letter(data=data, subject="a\x1b]0;x\x07", reason="b\x9b\r\u202e")
    await store.dead_letters.insert([hostile])
    [letter_id] = await ids_of(store)

    shown, listed = await dead_letters("show", letter_id), await dead_letters("list")

    assert (0, 0) == (shown.code, listed.code)
    assert expected in shown.out
    text = (shown.out + listed.out).replace("\n", "")
    assert text.isprintable()


async def test_a_replayed_letter_is_in_the_stream_and_gone_from_the_database(
    link: Link, store: Store, dead_letters: Command
) -> None:
    batches = [encode(process_batch(slot=SLOT + number)) for number in range(3)]
    await store.dead_letters.insert([letter(data=data) for data in batches])
    [one, *_] = await ids_of(store)

    first = await dead_letters("replay", one)
    again = await dead_letters("replay", one)
    rest = await dead_letters("replay", "--all")

    assert (0, "replayed 1 of 1\n", "") == first
    assert (1, f"error: no dead letter {one}\n") == (again.code, again.err)
    assert (0, "replayed 2 of 2\n", "") == rest
    assert 0 == await store.dead_letters.count()
    found = await Puller(link, "persist").fetch(10)
    assert sorted(batches) == sorted(delivery.data for delivery in found)
    assert {SUBJECT} == {delivery.subject for delivery in found}


async def test_a_replay_that_died_before_it_removed_the_letter_is_no_repeat(
    link: Link, store: Store, dead_letters: Command
) -> None:
    await store.dead_letters.insert([letter()])
    await dead_letters("replay", "--all")
    await store.dead_letters.insert([letter()])

    assert (0, "replayed 1 of 1\n", "") == await dead_letters("replay", "--all")

    assert (0, 1) == (
        await store.dead_letters.count(),
        await Puller(link, "persist").pending(),
    )


@pytest.mark.parametrize(
    "subject",
    ["$JS.API.STREAM.DELETE.ROBOMETRICS", "robometrics.v1.samples.>", "a\r\nPING\r\n"],
)
async def test_a_foreign_subject_is_never_published(
    link: Link, store: Store, dead_letters: Command, subject: str
) -> None:
    await store.dead_letters.insert(
        [letter(subject=subject), letter(stream_sequence=8)]
    )

    done = await dead_letters("replay", "--all")

    assert (1, "replayed 1 of 2\n") == (done.code, done.out)
    assert "only drop helps" in done.err
    [kept] = await store.dead_letters.latest(10)
    assert subject == kept.subject


async def test_a_letter_that_the_stream_refuses_is_kept(
    nats_server: NatsServer, store: Store, dead_letters: Command
) -> None:
    """Nobody has provisioned this broker: nothing takes the subject."""
    await store.dead_letters.insert([letter()])

    done = await dead_letters("replay", "--all")

    assert (1, "replayed 0 of 1\n") == (done.code, done.out)
    assert "kept" in done.err
    assert 1 == await store.dead_letters.count()


async def test_without_a_server_the_command_says_which(
    store: Store, dead_letters: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.cli.dead_letters.CONNECT_SECONDS", 0.2)
    await store.dead_letters.insert([letter()])
    nowhere = f"127.0.0.1:{free_port()}"

    no_broker = await dead_letters("replay", "--all", f"--nats-url=nats://{nowhere}")
    no_database = await dead_letters(
        "list", f"--mongo-url=mongodb://{nowhere}/?serverSelectionTimeoutMS=100"
    )

    assert (2, 2) == (no_broker.code, no_database.code)
    assert f"no connection to nats://{nowhere}" in no_broker.err
    assert "MongoDB" in no_database.err
    assert 1 == await store.dead_letters.count()


async def test_dropping_wants_a_yes(store: Store, dead_letters: Command) -> None:
    """Nobody sits at this test's keyboard."""
    await store.dead_letters.insert([letter(), letter(stream_sequence=8)])
    [one, _] = await ids_of(store)

    asked = await dead_letters("drop", one)
    assert (1, 2) == (asked.code, await store.dead_letters.count())

    assert (0, "dropped 1 of 1\n", "") == await dead_letters("drop", one, "--yes")
    assert (1, "dropped 0 of 1\n") == (await dead_letters("drop", one, "--yes"))[:2]
    assert (0, "dropped 1 of 1\n", "") == await dead_letters("drop", "--all", "--yes")
    assert 0 == await store.dead_letters.count()


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 1), ("", 1)])
async def test_the_question_is_answered_at_the_keyboard(
    store: Store,
    dead_letters: Command,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    left: int,
) -> None:
    await store.dead_letters.insert([letter()])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)

    await dead_letters("drop", "--all")

    assert left == await store.dead_letters.count()


@pytest.mark.parametrize(
    "words",
    [("replay",), ("drop",), ("replay", "an-id", "--all"), ("drop", "x", "--all")],
)
async def test_which_letters_must_be_said(
    store: Store, dead_letters: Command, words: tuple[str, ...]
) -> None:
    done = await dead_letters(*words)

    assert (2, "error: name the letters, or say --all\n") == (done.code, done.err)
