"""The fleet with all its servers, for as long as a ``with`` block lasts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks import servers
from benchmarks.fleet.cast import MACHINES
from benchmarks.fleet.feed import Feed

DATABASE = "fleet"
HOSTS_EXPECTED = Counter(
    "offline" if machine.is_off else "stale" if machine.late_seconds else "live"
    for machine in MACHINES
)
"""How many hosts the API says are in which state, once all goes its way."""

_START_SECONDS = 120.0
_PAST_SECONDS_PER_DAY = 900
"""Within this a day of the past is stored, on a slow and busy machine."""


class Fleet:
    """A fleet that is looked at; its server may be stopped, and started again."""

    def __init__(self, at: Path, nats_url: str, mongo_url: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.nats_url = nats_url
        self.mongo_url = mongo_url
        self._at = at
        self._client = httpx.Client(base_url=self.url, timeout=60)
        self._serving = contextlib.ExitStack()
        self._options = [
            f"--nats-url={nats_url}",
            f"--mongo-url={mongo_url}",
            f"--mongo-database={DATABASE}",
            f"--port={port}",
        ]

    def start_server(self) -> None:
        """Start what stores and serves, and wait until it answers."""
        starting = servers.robometrics(self._at, "server", *self._options)
        process = self._serving.enter_context(starting)
        servers.wait_until(lambda: self._answers("health/ready"), process)

    def stop_server(self) -> None:
        self._serving.close()

    def close(self) -> None:
        """Stop the server for good."""
        self.stop_server()
        self._client.close()

    def get(self, path: str) -> Any:
        """Return what the API answers."""
        found = self._client.get(f"/api/v1/{path}")
        return msgspec.json.decode(found.raise_for_status().content)

    def states(self) -> Counter[str]:
        """Return how many hosts are in which state."""
        return Counter(host["state"] for host in self.get("hosts")["hosts"])

    def _answers(self, path: str) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._client.get(f"/api/v1/{path}").is_success
        return False


@contextlib.contextmanager
def running(*, history_seconds: int, hz: int = 1, port: int = 0) -> Iterator[Fleet]:
    """Yield the fleet, all its past stored, and live.

    Args:
        history_seconds: How long its past is.
        hz: Samples a second of each process, from now on.
        port: Of the page; 0: any.

    Raises:
        RuntimeError: It does not come to life; the message says what it said.
    """
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
    ):
        fleet = Fleet(at, nats_url, mongo_url, port or servers.free_port())
        with contextlib.ExitStack() as stack:
            stack.callback(fleet.close)
            fleet.start_server()
            now = int(time.time()) // 60 * 60
            parts = min(os.cpu_count() or 1, len(MACHINES))
            feeds = [
                Feed(
                    nats_url=nats_url,
                    mongo_url=mongo_url,
                    database=DATABASE,
                    history_seconds=history_seconds,
                    now=now,
                    hz=hz,
                    part=part,
                    parts=parts,
                )
                for part in range(parts)
            ]
            log = at / "feeds.log"
            feeding = [stack.enter_context(_feeding(feed, log)) for feed in feeds]
            seconds = _START_SECONDS
            seconds += history_seconds / 86_400 * _PAST_SECONDS_PER_DAY
            _wait_until_live(fleet, feeding, log, seconds)
            yield fleet


@contextlib.contextmanager
def _feeding(feed: Feed, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    text = msgspec.json.encode(feed).decode()
    command = [sys.executable, "-m", "benchmarks.fleet.feed", text]
    with servers.child(command, log) as process:
        yield process


def _wait_until_live(
    fleet: Fleet, feeding: list[subprocess.Popen[bytes]], log: Path, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while (found := fleet.states()) != HOSTS_EXPECTED:
        ended = any(process.poll() is not None for process in feeding)
        if ended or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8")[-2_000:]
            raise RuntimeError(
                f"the fleet does not come to life: {dict(found)}\n{said}"
            )
        time.sleep(0.1)
