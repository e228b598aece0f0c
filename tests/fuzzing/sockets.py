"""Nonsense on every socket that listens, while somebody asks: is he answered?

Each assault is bounded in connections and time, and goes to servers that it starts
itself on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from faults.part import Part
from servers import MongoServer, NatsServer, free_port

from robometrics.requests import ListRequest, encode_request

ANSWER_SECONDS = 5.0
ASKED_EVERY_SECONDS = 0.2
_AT_ONCE = 200
_HERE, _ELSEWHERE = "127.0.0.1", "127.0.0.2"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]

_GET = b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\n"
_UPGRADE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_LIST = encode_request(ListRequest()) + b"\n"


class Door(NamedTuple):
    """One socket that listens."""

    name: str
    part: Part
    connect: Connect
    connect_from_elsewhere: Connect
    """Of another address, where there are addresses: each may have so many only."""

    question: bytes
    answer: bytes
    """How an answer begins."""

    begun: bytes
    """The beginning of a question."""

    url: str = ""
    """Of one that speaks HTTP."""


class Assault(NamedTuple):
    """What is done with each of many connections."""

    name: str
    of: Callable[[Door, random.Random], bytes]
    """What is said at once."""

    is_slow: bool = False
    """Whether a byte a second follows."""

    is_kept: bool = True
    """Whether the connection is kept as long as the server does."""


ASSAULTS = (
    Assault("silence", lambda *_: b""),
    Assault("slow loris", lambda door, _: door.begun, is_slow=True),
    Assault("half a request", lambda door, _: door.begun, is_kept=False),
    Assault("noise", lambda _, chance: chance.randbytes(2_000)),
    Assault("no end of a line", lambda door, _: door.begun + b"a" * 100_000),
    Assault("websockets", lambda *_: _UPGRADE),
)


class Seen(NamedTuple):
    """What one assault did."""

    connected: int
    left: int
    """Connections that the server had not ended."""

    asked: int
    answered: int
    slowest_ms: float
    grown_bytes: int
    files: int
    """That the server has open in the middle of it."""


async def assault(door: Door, how: Assault, connects: int, seconds: float) -> Seen:
    """Open so many connections at *door*, and look how others fare meanwhile."""
    chance = random.Random(how.name)  # noqa: S311
    before = door.part.rss_bytes()
    held: list[Streams] = []
    done = asyncio.Event()
    asking = asyncio.create_task(_ask(door, done))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one() -> None:
        async with gate:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                reader, writer = await asyncio.wait_for(door.connect(), ANSWER_SECONDS)
                held.append((reader, writer))
                writer.write(how.of(door, chance))
                if not how.is_kept:
                    writer.close()

    await asyncio.gather(*(one() for _ in range(connects)))
    connected = len(held)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(1)
        for reader, writer in held if how.is_slow else ():
            if not reader.at_eof() and not writer.is_closing():
                writer.write(b"a")
    files = len([*Path(f"/proc/{door.part.pid}/fd").iterdir()])
    grown = door.part.rss_bytes() - before
    left = sum(not r.at_eof() and not w.transport.is_closing() for r, w in held)
    done.set()
    asked, answered, slowest_ms = await asking
    for _, writer in held:
        writer.transport.abort()
    return Seen(connected, left, asked, answered, slowest_ms, grown, files)


async def _ask(door: Door, done: asyncio.Event) -> tuple[int, int, float]:
    asked = answered = 0
    slowest = 0.0
    while not done.is_set():
        asked += 1
        began = time.monotonic()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            answered += await asyncio.wait_for(_is_answered(door), ANSWER_SECONDS)
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(ASKED_EVERY_SECONDS)
    return asked, answered, slowest * 1e3


async def _is_answered(door: Door) -> bool:
    reader, writer = await door.connect_from_elsewhere()
    try:
        writer.write(door.question)
        return (await reader.read(len(door.answer))).startswith(door.answer)
    finally:
        writer.close()


@contextmanager
def doors(folder: Path) -> Iterator[list[Door]]:
    """Start what listens: the API, a consumer's health, and a worker's socket."""
    with ExitStack() as stack:
        nats, mongo = NatsServer(folder / "nats"), MongoServer(folder / "mongo")
        nats.directory.mkdir()
        for server in (nats, mongo):
            server.start()
            stack.callback(server.stop)
        found = []
        for name, roles in (("api", "api"), ("health", "persist,rollup")):
            port = free_port()
            where = {
                "api": f"--port={port}",
                "health": f"--health-address={_HERE}:{port}",
            }
            part = _part(
                folder / name,
                "server",
                f"--nats-url={nats.url}",
                f"--mongo-url={mongo.url}",
                f"--roles={roles}",
                where[name],
            )
            found.append(_web(name, part, port))
        path = str(folder / "worker.sock")

        def connect_to_socket() -> Awaitable[Streams]:
            return asyncio.open_unix_connection(path)

        worker = _part(
            folder / "worker",
            "worker",
            f"--nats-url={nats.url}",
            "--host=robot",
            f"--data-dir={folder / 'data'}",
            f"--socket-path={path}",
        )
        found.append(
            Door(
                "worker's socket",
                worker,
                connect_to_socket,
                connect_to_socket,
                _LIST,
                b'{"accepted":true',
                _LIST[:10],
            )
        )
        for door in found:
            door.part.start(wait=False)
            stack.callback(door.part.stop)
        yield found


def _part(folder: Path, *command: str) -> Part:
    folder.mkdir()
    whole = [sys.executable, "-m", "robometrics", *command]
    return Part(command[0], whole, folder, is_ready=lambda: True)


def _web(name: str, part: Part, port: int) -> Door:
    return Door(
        name,
        part,
        lambda: asyncio.open_connection(_HERE, port),
        lambda: asyncio.open_connection(_HERE, port, local_addr=(_ELSEWHERE, 0)),
        _GET + b"Connection: close\r\n\r\n",
        b"HTTP/1.1 200",
        _GET + b"X-Slow: ",
        f"http://{_HERE}:{port}",
    )


async def answered(door: Door) -> None:
    """Wait until who asks at *door* is answered."""
    end = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            if await asyncio.wait_for(_is_answered(door), ANSWER_SECONDS):
                return
        if time.monotonic() > end:
            said = door.part.log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"{door.name} does not answer:\n{said}")
        await asyncio.sleep(0.1)


async def _all(found: list[Door], connects: int, seconds: float) -> bool:
    """Try everything; return whether all who asked were answered."""
    is_good = True
    print(
        f"{'socket':18}{'assault':18}{'connects':>9}{'left':>7}{'answered':>11}"
        f"{'slowest':>11}{'memory':>10}{'files':>7}"
    )
    for door in found:
        for how in ASSAULTS:
            if how.name == "websockets" and door.name != "api":
                continue
            await answered(door)
            seen = await assault(door, how, connects, seconds)
            is_good &= seen.asked == seen.answered
            print(
                f"{door.name:18}{how.name:18}{seen.connected:>9}{seen.left:>7}"
                f"{seen.answered:>6}/{seen.asked:<4}{seen.slowest_ms:>8.0f} ms"
                f"{seen.grown_bytes / 2**20:>6.0f} MiB{seen.files:>7}",
                flush=True,
            )
    return is_good


def main(connects: int, seconds: float) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    connects = min(connects, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with tempfile.TemporaryDirectory() as name, doors(Path(name)) as found:
            return 0 if asyncio.run(_all(found, connects, seconds)) else 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
