"""What more persist processes bring: on one durable, into one database.

Each is ``robometrics-server --roles=persist``. They are stopped (SIGSTOP) while the
stream fills, go on together, and are measured until everything is acknowledged. On one
machine its cores are the limit: broker and database need them too. So the same is
measured with a database that answers 5 ms late, and 50 ms, where consumers wait more
than work, as long as some core is idle; beside it as many times what one stores.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import anyio
import psutil

from benchmarks import databases, servers, slowed, streams, table
from benchmarks.table import Row
from robometrics.broker import DurableDepth, Link, measure_depth
from robometrics.consumers.loop import LANES
from robometrics.schema import ProcessBatch
from robometrics.settings import ServerSettings

PROCESSES = 200
SLOTS = {5: 10, 50: 4}
"""By how late the database answers, in ms: seconds of the fleet for each consumer."""

SLOW_FETCH_BATCHES = 10
_PULL_SECONDS = 1.2  # what a stopped consumer asked for is forgotten by then
_DRAIN_SECONDS = 120.0
_POLL_SECONDS = 0.03  # each poll costs the broker something


class Sink(NamedTuple):
    """A database, and how much is written to it at once and in all."""

    mongo_url: str
    fetch_batches: int
    slots: dict[int, int]
    """By the number of consumers: seconds of the fleet's batches, in each round."""


class Found(NamedTuple):
    """What some consumers together came to, by round."""

    samples_per_second: list[float]
    busy_percent: list[float]
    """Of all cores, whoever kept them so."""


Consumers = Sequence[Popen[bytes]]


async def measure(*, quick: bool) -> list[Row]:
    """Measure the database as it is, then slowed more and more."""
    rounds = 1 if quick else 3
    rows: list[Row] = []
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
    ):
        fast = Sink(
            mongo_url,
            ServerSettings().fetch_batches,
            dict.fromkeys((1, 2), 10) if quick else dict.fromkeys((1, 2, 4), 150),
        )
        async with streams.provisioned(nats_url) as link, databases.opened(mongo_url):
            fleet = streams.Fleet(PROCESSES)
            usual = await _measured(at, link, fleet, fast, rounds)
            rows += _rows("", usual, by_one=False)
            for delay_ms, slots in list(SLOTS.items())[: 1 if quick else None]:
                with slowed.slowed(at, mongo_url, delay_ms) as slowed_url:
                    each = {1: slots} if quick else {n: n * slots for n in (1, 2, 4, 8)}
                    sink = Sink(slowed_url, SLOW_FETCH_BATCHES, each)
                    late = await _measured(at, link, fleet, sink, rounds)
                rows += _rows(f", database {delay_ms} ms late", late, by_one=True)
    return rows


def _rows(what: str, found: dict[int, Found], *, by_one: bool) -> Iterator[Row]:
    """Yield rows beside those of one process, or of as many times one."""
    one = found[1].samples_per_second
    for count, each in found.items():
        who = f"persist x {count}{what}"
        yield Row(
            who,
            each.samples_per_second,
            "samples/s",
            f"{count} times persist x 1" if by_one else "persist x 1",
            [count * rate for rate in one] if by_one else one,
        )
        cores = f"{who}: {os.cpu_count()} cores busy"
        yield Row(cores, each.busy_percent, "%")


async def _measured(
    at: Path, link: Link, fleet: streams.Fleet, sink: Sink, rounds: int
) -> dict[int, Found]:
    """Return what each number of consumers comes to."""
    options = [f"--nats-url={link.url}", f"--mongo-url={sink.mongo_url}"]
    options += [f"--mongo-database={databases.NAME}", "--roles=persist"]
    options += [f"--fetch-batches={sink.fetch_batches}"]
    found = {}
    for count, slots in sink.slots.items():
        with contextlib.ExitStack() as stack:
            consumers = [
                stack.enter_context(servers.robometrics(at, "server", *options))
                for _ in range(count)
            ]
            await _until(link, _asked_by(count))
            together = [  # the first round warms up
                await _drained(link, consumers, fleet.batches(slots))
                for _ in range(rounds + 1)
            ][1:]
        rates, busy = map(list, zip(*together, strict=True))
        found[count] = Found(rates, busy)
    return found


async def _drained(
    link: Link, consumers: Consumers, batches: Sequence[ProcessBatch]
) -> tuple[float, float]:
    """Return samples a second, and how busy all cores were, in percent."""
    with _stopped(consumers):
        await asyncio.sleep(_PULL_SECONDS)
        await streams.fill(link, batches)
    psutil.cpu_percent()
    began = time.perf_counter()
    await _until(link, _is_drained)
    seconds = time.perf_counter() - began
    samples = len(batches) * streams.SAMPLES_PER_BATCH
    return samples / seconds, psutil.cpu_percent()


@contextlib.contextmanager
def _stopped(processes: Consumers) -> Iterator[None]:
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def _asked_by(count: int) -> Callable[[DurableDepth], bool]:
    return lambda depth: depth.pulls >= count * LANES


def _is_drained(depth: DurableDepth) -> bool:
    return depth.pending + depth.ack_pending == 0


async def _until(link: Link, condition: Callable[[DurableDepth], bool]) -> None:
    with anyio.fail_after(_DRAIN_SECONDS):
        while not condition((await measure_depth(link)).durables["persist"]):
            await asyncio.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    table.run([measure])
