"""How old a sample is when a viewer has it: worker, broker, server, websocket.

All the product's processes run. Age counts from the time of the sample itself, and
from the end of its slot, when the worker could first publish it. Beside it: a viewer
that asks the REST API about once a second, after the same samples.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import servers, table
from benchmarks.table import Row
from benchmarks.worker import register, started
from robometrics.schema import NS_PER_SECOND

PROCESSES = 20
HZ = 10
_NAMES = [f"node_{number}" for number in range(PROCESSES)]


class Ages:
    """Ages of samples when they were seen, ms; by round."""

    def __init__(self) -> None:
        self.of_sample: list[list[float]] = []
        self.of_slot: list[list[float]] = []

    def begin_round(self) -> None:
        self.of_sample.append([])
        self.of_slot.append([])

    def note(self, seen_ns: int, sample_ns: int) -> None:
        slot_end_ns = (sample_ns // NS_PER_SECOND + 1) * NS_PER_SECOND
        self.of_sample[-1].append((seen_ns - sample_ns) / 1e6)
        self.of_slot[-1].append((seen_ns - slot_end_ns) / 1e6)

    def percentiles(self, ages: list[list[float]], percent: float) -> list[float]:
        return [table.percentile(each, percent) for each in ages if each]


async def measure(*, quick: bool) -> list[Row]:
    """Watch the same processes by websocket, then by polling."""
    rounds, live_seconds, poll_seconds = (2, 3, 1) if quick else (4, 6, 5)
    live, polled = Ages(), Ages()
    async with _product() as (api_url, host):
        await _watch(api_url, host, live, rounds, live_seconds)
        await _poll(api_url, host, polled, rounds, poll_seconds)

    expected = PROCESSES * HZ * live_seconds * rounds
    seen = sum(map(len, live.of_sample))
    if seen < 0.9 * expected:
        raise RuntimeError(f"{seen} of {expected} samples were seen live")
    return [
        Row(
            f"{since} to websocket client, p{percent}",
            live.percentiles(ages, percent),
            "ms",
            f"{since} to a client polling each second, p{percent}",
            polled.percentiles(polled_ages, percent),
        )
        for since, ages, polled_ages in (
            ("slot end", live.of_slot, polled.of_slot),
            ("sample", live.of_sample, polled.of_sample),
        )
        for percent in (50, 99)
    ]


@contextlib.asynccontextmanager
async def _product() -> AsyncIterator[tuple[str, str]]:
    """Run everything, with ``PROCESSES`` measured; yield the API's URL and the host."""
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
        _api(at, nats_url, mongo_url) as api_url,
        servers.sleepers(PROCESSES) as pids,
        started(at, nats_url, HZ) as worker,
    ):
        register(worker, pids)
        async with httpx.AsyncClient(base_url=api_url) as client:
            deadline = time.monotonic() + servers.START_SECONDS
            while len(await _names_seen(client, worker.host)) < PROCESSES:
                if time.monotonic() > deadline:
                    raise RuntimeError("the server does not show all processes")
                await asyncio.sleep(0.1)
        yield api_url, worker.host


@contextlib.contextmanager
def _api(at: Path, nats_url: str, mongo_url: str) -> Iterator[str]:
    port = servers.free_port()
    options = [f"--nats-url={nats_url}", f"--mongo-url={mongo_url}", f"--port={port}"]
    with servers.robometrics(at, "server", *options):
        yield f"http://127.0.0.1:{port}"


async def _names_seen(client: httpx.AsyncClient, host: str) -> list[str]:
    try:
        answer = await client.get("/api/v1/processes", params={"host": host})
    except httpx.TransportError:
        return []
    return [row["process"] for row in answer.json().get("processes", [])]


async def _watch(
    api_url: str, host: str, ages: Ages, rounds: int, seconds: float
) -> None:
    url = api_url.replace("http", "ws", 1) + "/api/v1/live"
    series = [{"host": host, "process": name} for name in _NAMES]
    async with connect(url, compression=None) as socket:
        await socket.send(
            msgspec.json.encode({"op": "subscribe", "series": series}).decode()
        )
        for _ in range(rounds):
            ages.begin_round()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(_note_frames(socket, ages), seconds)


async def _note_frames(socket: ClientConnection, ages: Ages) -> None:
    async for frame in socket:
        seen_ns = time.time_ns()
        for batch in msgspec.json.decode(frame).get("batches", ()):
            for offset_ns in batch["offset_ns"]:
                ages.note(seen_ns, batch["slot"] * NS_PER_SECOND + offset_ns)


async def _poll(
    api_url: str, host: str, ages: Ages, rounds: int, seconds: float
) -> None:
    """Ask once a second on average; at no fixed moment of it, for that would decide."""
    draw = random.Random(1)  # noqa: S311  the same moments in every run
    wanted: dict[str, Any] = {
        "host": host,
        "process": _NAMES,
        "metric": "cpu_time_ns",
        "from": "-3s",
        "resolution": "raw",
    }
    newest_ms: dict[str, float] = {}
    async with httpx.AsyncClient(base_url=api_url) as client:
        for _ in range(rounds):
            ages.begin_round()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                answer = await client.get("/api/v1/query", params=wanted)
                _note_answer(answer.raise_for_status().content, newest_ms, ages)
                await asyncio.sleep(draw.uniform(0.5, 1.5))


def _note_answer(content: bytes, newest_ms: dict[str, float], ages: Ages) -> None:
    """Note the samples no earlier answer had; of the first one, none."""
    seen_ns = time.time_ns()
    for series in msgspec.json.decode(content)["series"]:
        name, times_ms = series["process"], series["time_ms"]
        if name in newest_ms:
            for at_ms in times_ms:
                if at_ms > newest_ms[name]:
                    ages.note(seen_ns, round(at_ms * 1e6))
        if times_ms:
            newest_ms[name] = max(times_ms[-1], newest_ms.get(name, 0.0))


if __name__ == "__main__":
    table.run([measure])
