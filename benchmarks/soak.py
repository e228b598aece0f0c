"""What a worker holds: memory and descriptors, over minutes, and after many processes.

First it measures 200 processes at 10 Hz for ten minutes. Then 2,000 processes appear
and end within a minute.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import servers, streams, table, worker
from benchmarks.table import Row
from robometrics import subjects
from robometrics.broker import Link
from robometrics.lib.client import ask_by_socket, register_request
from robometrics.requests import encode_request
from robometrics.schema import Event, decode_batch, decode_note
from robometrics.settings import ClientSettings

PROCESSES = 200
HZ = 10
COME_AND_GO = 2_000
LIVE_SECONDS = 10
EVERY_SECONDS = 5.0


async def measure(*, quick: bool) -> list[Row]:
    """Measure one worker through both."""
    minutes = 1 if quick else 10
    with (
        servers.folder() as at,
        servers.nats_server(at) as url,
        servers.sleepers(PROCESSES) as pids,
    ):
        async with streams.provisioned(url) as link:
            with worker.started(at, url, HZ) as found:
                empty = _files(found)
                worker.register(found, pids)
                held = await asyncio.to_thread(_watch, found, minutes * 60)
                before = _files(found)
                came = await asyncio.to_thread(_come_and_go, found, quick=quick)
                ends = await _ends(link, found, came)
                after = await _settled_files(found, before)
                skipped = await _skipped(link, found)
                rss = servers.rss_mib(found.process)
    first, last = _ends_of(held)
    return [
        Row(
            f"worker, {PROCESSES} procs at {HZ} Hz: memory, last minute of {minutes}",
            last,
            "MiB",
            "first minute",
            first,
        ),
        Row("the same: memory gained an hour", [_mib_an_hour(held)], "MiB"),
        Row("the same: descriptors", [before], "files", "with no process", [empty]),
        Row(f"{came} more came and went: runs ended", [ends], "runs", "began", [came]),
        Row("the same: descriptors after", [after], "files", "before", [before]),
        Row("the same: memory after", [rss], "MiB", "before", [last[-1]]),
        Row("the same: ticks skipped in all", [skipped], "ticks"),
    ]


def _watch(found: worker.Worker, seconds: int) -> list[tuple[float, float]]:
    """Return time in s and memory in MiB, now and then."""
    began = time.monotonic()
    held = []
    while (now := time.monotonic()) - began < seconds:
        held.append((now - began, servers.rss_mib(found.process)))
        time.sleep(EVERY_SECONDS)
    return held


def _ends_of(held: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return the first and the last minute; the first seconds fill caches."""
    settled = [(at, mib) for at, mib in held if at >= 10]
    last_at = settled[-1][0]
    return (
        [mib for at, mib in settled if at < 60],
        [mib for at, mib in settled if at > last_at - 60],
    )


def _mib_an_hour(held: list[tuple[float, float]]) -> float:
    """Return the slope of the second half, by least squares."""
    half = held[len(held) // 2 :]
    times = [at for at, _ in half]
    return statistics.linear_regression(times, [mib for _, mib in half]).slope * 3600


def _come_and_go(found: worker.Worker, *, quick: bool) -> int:
    """Start, register and end processes, all within a minute; return how many."""
    count = COME_AND_GO // 10 if quick else COME_AND_GO
    settings = ClientSettings(socket_path=str(found.socket))
    began = time.monotonic()
    pause = 40 / COME_AND_GO
    with _children() as children:
        for number in range(count):
            child = subprocess.Popen(
                ["/bin/sleep", str(LIVE_SECONDS)], stdin=subprocess.DEVNULL
            )
            children.append(child)
            request = register_request(f"short_{number % 100}", child.pid)
            reply = ask_by_socket(encode_request(request), settings)
            if reply is None or not reply.accepted:
                raise RuntimeError(f"pid {child.pid} is not registered: {reply}")
            time.sleep(max(0.0, began + number * pause - time.monotonic()))
        for child in children:
            child.wait(60)
    return count


@contextmanager
def _children() -> Iterator[list[subprocess.Popen[bytes]]]:
    children: list[subprocess.Popen[bytes]] = []
    try:
        yield children
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
            child.wait()


async def _ends(link: Link, found: worker.Worker, expected: int) -> int:
    """Return how many runs the worker said to have ended, each once."""
    stream = link.require_client().jetstream()
    subject = subjects.events(found.host)
    ended: list[str] = []
    sequence = 1
    deadline = time.monotonic() + 60
    while len(ended) < expected and time.monotonic() < deadline:
        try:
            message = await stream.get_msg(
                streams.STREAM, sequence, subject=subject, next=True
            )
        except Exception:  # nothing more yet
            await asyncio.sleep(0.5)
            continue
        sequence = (message.seq or 0) + 1
        note = decode_note(message.data or b"")
        if isinstance(note, Event) and note.event == "exited":
            ended.append(note.run or "")
    if len(set(ended)) != len(ended):
        raise RuntimeError("a run ended twice")
    return len(ended)


def _files(found: worker.Worker) -> int:
    return len(list(Path(f"/proc/{found.process.pid}/fd").iterdir()))


async def _settled_files(found: worker.Worker, before: int) -> int:
    deadline = time.monotonic() + 20
    while (files := _files(found)) > before and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
    return files


async def _skipped(link: Link, found: worker.Worker) -> int:
    stream = link.require_client().jetstream()
    last = await stream.get_last_msg(streams.STREAM, subjects.host_samples(found.host))
    said = decode_batch(last.data or b"").metrics["worker_ticks_skipped_total"]
    return int(said[-1] or 0)


if __name__ == "__main__":
    table.run([measure])
