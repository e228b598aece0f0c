"""The worker's socket is open to every user of the machine: none keeps others out."""

from __future__ import annotations

import asyncio
import random
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from waiting import eventually

from robometrics.lib import client
from robometrics.publisher import desk
from robometrics.publisher.desk import listen_on_socket
from robometrics.requests import ListRequest, Reply, Watched, encode_request
from robometrics.settings import ClientSettings

REQUEST = encode_request(ListRequest())


@asynccontextmanager
async def listening(folder: Path, *watched: Watched) -> AsyncIterator[str]:
    path = str(folder / "worker.sock")
    reply = Reply(accepted=True, host="robot", watched=list(watched))
    async with listen_on_socket(path, lambda *_, **__: reply):
        yield path


async def is_answered(path: str) -> bool:
    settings = ClientSettings(socket_path=path)
    reply = await anyio.to_thread.run_sync(client.ask_by_socket, REQUEST, settings)
    return reply is not None and reply.accepted


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(desk, "CONNECTIONS_MAX", 20)
    return 20


async def test_a_crowd_that_says_nothing_keeps_nobody_out(
    tmp_path: Path, few: int
) -> None:
    async with listening(tmp_path) as path:
        crowd = [await asyncio.open_unix_connection(path) for _ in range(5 * few)]
        let_go = [reader for reader, _ in crowd[: 4 * few]]
        await eventually(lambda: all(reader.at_eof() for reader in let_go))
        assert await is_answered(path)
        newest, writer = crowd[-1]
        writer.write(REQUEST + b"\n")
        assert b"robot" in await newest.readline(), "who came last is still there"
        for _, each in crowd:
            each.close()


async def test_who_speaks_stays_and_who_is_silent_goes(
    tmp_path: Path, few: int
) -> None:
    async with listening(tmp_path) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        crowd = []
        for _ in range(3 * few):
            crowd.append(await asyncio.open_unix_connection(path))
            writer.write(REQUEST + b"\n")
            assert b"robot" in await reader.readline()
        for each in (writer, *(silent for _, silent in crowd)):
            each.close()


class Silent:
    """A connection that notes whether it was ended."""

    def __init__(self) -> None:
        self.transport = self
        self.is_ended = False

    def abort(self) -> None:
        self.is_ended = True


def test_of_too_many_one_of_the_greatest_crowd_goes(few: int) -> None:
    callers = desk._Callers()
    alone, crowd = Silent(), [Silent() for _ in range(few)]
    callers.note(1000, alone)  # type: ignore[arg-type]
    for each in crowd:
        callers.note(2000, each)  # type: ignore[arg-type]

    assert not alone.is_ended, "though it was there first"
    assert [True] + [False] * (few - 1) == [each.is_ended for each in crowd]

    for each in crowd:
        callers.forget(2000, each)  # type: ignore[arg-type]
    callers.forget(1000, alone)  # type: ignore[arg-type]
    assert {} == callers._of


async def test_answers_that_nobody_reads_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_IDLE_SECONDS", 0.2)
    long = [
        Watched(process=f"p{number}", pid=1, run="r", command="x" * 900)
        for number in range(2_000)
    ]
    with socket.socket(socket.AF_UNIX) as deaf:
        async with listening(tmp_path, *long) as path:
            deaf.connect(path)
            deaf.sendall((REQUEST + b"\n") * 20)
            ended = select.poll()
            ended.register(deaf, 0)  # of a hang-up it tells unasked
            assert [] == ended.poll(0)
            await eventually(lambda: ended.poll(0) != [])
            assert await is_answered(path)


async def test_noise_costs_others_nothing(tmp_path: Path) -> None:
    chance = random.Random(1)  # noqa: S311
    async with listening(tmp_path) as path:
        for _ in range(100):
            _, writer = await asyncio.open_unix_connection(path)
            writer.write(chance.randbytes(chance.randrange(1, 40_000)))
            writer.close()
        assert await is_answered(path)
