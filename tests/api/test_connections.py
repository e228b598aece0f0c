"""Connections that are too many, too slow to ask, or too slow to read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from servers import free_port
from waiting import eventually

from robometrics.api import connections
from robometrics.api.app import serve

WHOLE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
PIECE = b"x" * (1 << 20)


class Application:
    """Echoes a body; of ``/endless`` it makes no end as long as somebody is there."""

    def __init__(self) -> None:
        self.sent_pieces = 0
        self.left = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for each in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{each}.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200})
        if scope["path"] == "/endless":
            await self._send_for_ever(receive, send)
        else:
            await send({"type": "http.response.body", "body": body})

    async def _send_for_ever(self, receive: Any, send: Any) -> None:
        leaving = asyncio.ensure_future(receive())
        while not leaving.done():
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            self.sent_pieces += 1
            await asyncio.sleep(0)
        self.left.set()


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
async def port(application: Application) -> AsyncIterator[int]:
    port, stop = free_port(), anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(serve, application, "127.0.0.1", port, stop)

        async def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        await eventually(answers)
        yield port
        stop.set()


@asynccontextmanager
async def connected(port: int, said: bytes) -> AsyncIterator[SocketStream]:
    """Say something to the server."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        with contextlib.suppress(anyio.BrokenResourceError):  # it is full
            await stream.send(said)
        yield stream


async def heard(stream: SocketStream) -> bytes:
    """Return what the server says; nothing if it ends the connection."""
    with anyio.fail_after(10):
        try:
            return await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return b""


async def answer_to(port: int, said: bytes) -> bytes:
    async with connected(port, said) as stream:
        return await heard(stream)


@pytest.mark.parametrize(
    "slow",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo",
    ],
    ids=["headers", "body"],
)
async def test_a_request_that_does_not_arrive_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch, slow: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.2)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.2)
    assert b"" == await answer_to(port, slow)

    async with connected(port, WHOLE) as stream:
        assert b"body" in await heard(stream)
        await stream.send(slow)
        with anyio.fail_after(3):  # a connection that rests is kept for five
            assert b"" == await heard(stream)


async def test_whoever_says_nothing_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.2)

    assert b"" == await answer_to(port, b"")


@pytest.mark.parametrize("limit", ["CONNECTIONS_MAX", "CONNECTIONS_EACH_MAX"])
async def test_one_connection_too_many_is_refused_until_another_is_let_go(
    port: int, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(connections, limit, 1)
    async with connected(port, b"") as held:
        for _ in range(50):
            assert b"" == await answer_to(port, WHOLE)
        await held.send(WHOLE)
        assert b"body" in await heard(held)

    async def is_let_in() -> bool:
        return b"body" in await answer_to(port, WHOLE)

    await eventually(is_let_in)


async def test_what_one_address_holds_is_not_kept_from_others(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_EACH_MAX", 1)
    async with connected(port, b""):
        assert b"" == await answer_to(port, WHOLE)
        async with await anyio.connect_tcp(
            "127.0.0.1", port, local_host="127.0.0.2"
        ) as other:
            await other.send(WHOLE)
            assert b"body" in await heard(other)


async def test_whoever_does_not_read_an_answer_is_let_go_and_who_reads_is_not(
    port: int, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.2)
    async with connected(port, b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n") as stream:
        heard_bytes = 0
        while heard_bytes < 100 * len(PIECE):
            heard_bytes += len(await heard(stream))
        assert not application.left.is_set()
        with anyio.fail_after(10):
            await application.left.wait()

    assert application.sent_pieces < 200, "it waited for the reader"


def test_there_are_fewer_connections_than_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for soft, expected in ((1_024, 824), (100, 1), (1 << 20, 2_000), (-1, 2_000)):
        monkeypatch.setattr(
            connections.resource, "getrlimit", lambda _, soft=soft: (soft, -1)
        )
        assert expected == connections.connections_max()
