"""What is no HTTP, or only half of it, costs others nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
import pytest

from robometrics.api.bodies import BODY_BYTES_MAX, BoundedBodies
from robometrics.api.bounded import Turns
from robometrics.api.seed.endpoints import BODY_BYTES_MAX as POST_BYTES_MAX
from robometrics.errors import RetryLaterError

from .conftest import Served

HEAD = b"GET /api/v1/hosts HTTP/1.1\r\nHost: localhost\r\n"
POST = (
    b"POST /intake/machine/robot HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\n"
)
UPGRADE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
)
REFUSED = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x00" * 1_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    HEAD + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    HEAD + b"".join(b"X%d: a\r\n" % n for n in range(20_000)) + b"\r\n",
    HEAD + b"Host: b\r\n\r\n",
    HEAD + b"Bad Header\r\n\r\n",
    HEAD + b"X: a\x00b\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    UPGRADE + b"Sec-WebSocket-Key: short\r\n\r\n",
    UPGRADE + b"\r\n",
]


@asynccontextmanager
async def connected(
    served: Served,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def said_to(served: Served, data: bytes) -> bytes:
    """Return how the server begins to answer *data*; nothing if it hangs up."""
    async with connected(served) as (reader, writer):
        with contextlib.suppress(OSError):
            writer.write(data)
            await writer.drain()
            with anyio.fail_after(20):
                return await reader.read(4_096)
    return b""


async def test_what_is_no_request_is_refused_at_once(served: Served) -> None:
    for data in REFUSED:
        answer = await said_to(served, data)
        is_refused = answer == b"" or answer.split(b" ", 2)[1][:1] == b"4"
        assert is_refused, (data[:80], answer[:200])
        assert (await served.http.get("/api/v1/health/live")).is_success


async def test_noise_costs_others_nothing(served: Served) -> None:
    chance = random.Random(1)  # noqa: S311
    good = [HEAD + b"\r\n", POST + b"Content-Length: 2\r\n\r\n{}", UPGRADE + b"\r\n"]
    for _ in range(200):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        async with connected(served) as (_, writer):
            writer.write(bytes(data[: chance.randrange(1, len(data) + 1)]))
    assert (await served.http.get("/api/v1/hosts")).is_success


async def test_a_websocket_that_speaks_no_protocol_costs_others_nothing(
    served: Served,
) -> None:
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    for frame in (
        b"\xff" * 14,  # reserved bits
        b"\x81\x05hello",  # not masked
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",  # endless
        b"\x89\xfe\x10\x00\x00\x00\x00\x00" + bytes(4_096),  # a large ping
        b"\x00\x80\x00\x00\x00\x00",  # goes on with what never began
        b"\x81\x82\x00\x00\x00\x00\xff\xfe",  # no text
    ):
        answer = await said_to(served, UPGRADE + key + frame)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 101"), answer[:100]
    assert (await served.http.get("/api/v1/health/live")).is_success


async def test_a_body_is_no_larger_than_its_endpoint_wants(served: Served) -> None:
    """What says that it is, is refused before it comes."""
    for path, most in (
        ("/api/v1/burst", BODY_BYTES_MAX),
        ("/intake/machine/robot", POST_BYTES_MAX),
    ):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {most + 1}\r\n\r\n"
        )
        answer = await said_to(served, head.encode())
        assert answer.startswith(b"HTTP/1.1 413"), (path, answer[:200])


async def test_all_bodies_together_are_bounded_and_let_go() -> None:
    gate = asyncio.Event()
    received: list[int] = []

    async def app(_scope: object, receive: object, _send: object) -> None:
        received.append(len((await receive())["body"]))  # type: ignore[operator]
        await gate.wait()

    bodies = BoundedBodies(app, held_bytes_max=10)  # type: ignore[arg-type]

    async def ask(size: int) -> None:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": bytes(size), "more_body": False}

        await bodies({"type": "http"}, receive, receive)  # type: ignore[arg-type,typeddict-item]

    first = asyncio.create_task(ask(8))
    while not received:
        await asyncio.sleep(0)
    with pytest.raises(RetryLaterError, match="at once"):
        await ask(3)
    gate.set()
    await first
    await ask(10)
    assert [8, 10] == received


async def test_queries_wait_for_their_turn_and_not_too_many_wait() -> None:
    turns = Turns(1, 1)
    ended = asyncio.Event()
    began: list[int] = []

    async def work(number: int) -> None:
        async with turns.one():
            began.append(number)
            await ended.wait()

    first, second = asyncio.create_task(work(1)), asyncio.create_task(work(2))
    while not began:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(RetryLaterError, match="too many"):
        await work(3)
    ended.set()
    await asyncio.gather(first, second)
    await work(4)
    assert [1, 2, 4] == began
