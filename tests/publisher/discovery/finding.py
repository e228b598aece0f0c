"""A worker with rules, and programs that only one test's rules match."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from waiting import eventually

from robometrics.lib import client
from robometrics.publisher.worker import worker
from robometrics.requests import (
    ListRequest,
    Reply,
    Watched,
    encode_request,
)
from robometrics.rules import Rule
from robometrics.settings import ClientSettings, WorkerSettings

NO_BROKER = "nats://127.0.0.1:9"


class Programs:
    """Processes of one test, told from all others by a word on their command line."""

    def __init__(self) -> None:
        self.mark = f"mark{uuid.uuid4().hex}"
        self.started: list[subprocess.Popen[bytes]] = []

    def rule(self, **changes: Any) -> Rule:
        return Rule(**{"command": f"(?P<word>[a-z]+) {self.mark}"} | changes)

    def start(self, word: str = "planner", code: str = "") -> subprocess.Popen[bytes]:
        """Start what waits, after *code*, until it is ended; return it running."""
        code += "\nprint(flush=True); input()"
        return self.run([sys.executable, "-c", code, word, self.mark])

    def run(self, command: list[str]) -> subprocess.Popen[bytes]:
        started = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.started.append(started)
        assert started.stdout is not None
        started.stdout.readline()
        return started

    async def converse(self, started: subprocess.Popen[bytes]) -> bytes:
        """Let one go on; return the next line it says, nothing if it ends."""
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(b"\n")
        started.stdin.flush()
        return await anyio.to_thread.run_sync(started.stdout.readline)

    def end(self) -> None:
        for each in self.started:
            each.kill()
            each.communicate()


class Site:
    """A worker with rules, and what it measures."""

    def __init__(self, url: str, folder: Path, rules: tuple[Rule, ...]) -> None:
        self.settings = WorkerSettings(
            nats_url=url,
            host="robot",
            data_dir=str(folder / "worker"),
            socket_path=str(folder / "worker.sock"),
            interval_seconds=0.1,
            discover=rules,
        )

    async def ask(self, request: Any) -> Reply:
        asking = ClientSettings(socket_path=self.settings.socket_path)
        data = encode_request(request)
        reply = await anyio.to_thread.run_sync(client.ask_by_socket, data, asking)
        assert reply is not None
        return reply

    async def watched(self) -> list[Watched]:
        return list((await self.ask(ListRequest())).watched)

    async def names(self) -> dict[int, str]:
        return {each.pid: each.process for each in await self.watched()}

    async def measures(self, expected: dict[int, str]) -> None:
        await eventually(lambda: self._are(expected))

    async def _are(self, expected: dict[int, str]) -> bool:
        return await self.names() == expected


@asynccontextmanager
async def working(
    folder: Path, *rules: Rule, url: str = NO_BROKER
) -> AsyncIterator[Site]:
    site = Site(url, folder, rules)
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(worker, site.settings, stop)
        await eventually(lambda: Path(site.settings.socket_path).exists())
        yield site
        stop.set()


async def has(site: Site, count: int) -> bool:
    return len(await site.watched()) == count


async def are_pids(site: Site, pids: set[int]) -> bool:
    return set(await site.names()) == pids
