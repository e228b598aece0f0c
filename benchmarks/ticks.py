"""Ticks at 1,000 Hz: how many are taken, and how exactly in time.

The worker samples five processes; a loop of sleeping and psutil tries the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import psutil

from benchmarks import servers, streams, table, worker
from benchmarks.table import Row
from robometrics import subjects
from robometrics.broker import Link
from robometrics.lib.client import ask_by_socket
from robometrics.requests import BurstRequest, Reply, encode_request
from robometrics.schema import NS_PER_SECOND, decode_batch
from robometrics.settings import ClientSettings

PROCESSES = 5
INTERVAL_NS = 1_000_000


async def measure(*, quick: bool) -> list[Row]:
    """Measure one burst on each of five processes, then the baseline."""
    seconds = 3 if quick else 10
    with (
        servers.folder() as at,
        servers.nats_server(at) as url,
        servers.sleepers(PROCESSES) as pids,
    ):
        async with streams.provisioned(url) as link:
            with worker.started(at, url, hz=1) as found:
                worker.register(found, pids)
                await asyncio.sleep(2)  # a worker begins with a whole second
                begun = [_burst(found, number, seconds) for number in range(PROCESSES)]
                await asyncio.sleep(seconds + 3)  # the burst, and its last slot
                taken = [
                    [at for at, _ in await readings(link, found.host, number, burst)]
                    for number, burst in enumerate(begun)
                ]
        theirs = await asyncio.to_thread(_psutil, pids, seconds)
    ours = [at_ns for each in taken for at_ns in each]
    ticks = seconds * NS_PER_SECOND // INTERVAL_NS
    return [
        Row(
            f"{PROCESSES} processes at 1,000 Hz: ticks taken",
            [
                100 * len({at_ns // INTERVAL_NS for at_ns in each}) / ticks
                for each in taken
            ],
            "% of all",
            "sleep and psutil",
            [100 * len(set(theirs[0])) / ticks],
        ),
        *(
            Row(
                f"the same: tick error, p{percent}",
                [
                    table.percentile(
                        [at_ns % INTERVAL_NS / 1e3 for at_ns in ours], percent
                    )
                ],
                "µs",
                "sleep and psutil",
                [table.percentile(theirs[1], percent)],
            )
            for percent in (50, 99)
        ),
    ]


def _burst(found: worker.Worker, number: int, seconds: int) -> Reply:
    request = BurstRequest(
        process=f"node_{number}",
        interval_ns=INTERVAL_NS,
        duration_ns=seconds * NS_PER_SECOND,
    )
    settings = ClientSettings(socket_path=str(found.socket))
    reply = ask_by_socket(encode_request(request), settings)
    if reply is None or not reply.accepted:
        raise RuntimeError(f"no burst: {reply}")
    return reply


async def readings(
    link: Link, host: str, number: int, window: Reply
) -> list[tuple[int, int]]:
    """Return time (ns since the epoch) and CPU time (ns) of each sample in *window*."""
    subject = subjects.process_samples(host, f"node_{number}")
    stream = link.require_client().jetstream()
    found: list[tuple[int, int]] = []
    sequence = 1
    last = (await stream.get_last_msg(streams.STREAM, subject)).seq or 0
    while sequence <= last:
        message = await stream.get_msg(
            streams.STREAM, sequence, subject=subject, next=True
        )
        sequence = (message.seq or 0) + 1
        batch = decode_batch(message.data or b"")
        spent = batch.metrics["cpu_time_ns"]
        for offset_ns, cpu_time_ns in zip(batch.offset_ns, spent, strict=True):
            at_ns = batch.slot * NS_PER_SECOND + offset_ns
            if window.from_ns <= at_ns < window.until_ns:
                found.append((at_ns, int(cpu_time_ns or 0)))
    return found


def _psutil(pids: Sequence[int], seconds: int) -> tuple[list[int], list[float]]:
    """Return the ticks taken, and how late each was, in µs."""
    processes = [psutil.Process(pid) for pid in pids]
    ticks: list[int] = []
    errors_us: list[float] = []
    end_ns = time.time_ns() + seconds * NS_PER_SECOND
    while (now_ns := time.time_ns()) < end_ns:
        due_ns = (now_ns // INTERVAL_NS + 1) * INTERVAL_NS
        time.sleep((due_ns - now_ns) / NS_PER_SECOND)
        for process in processes:
            at_ns = time.time_ns()
            with process.oneshot():
                process.cpu_times()
                process.memory_info()
            errors_us.append((at_ns - due_ns) / 1e3)
        ticks.append(due_ns // INTERVAL_NS)
    return ticks, errors_us


if __name__ == "__main__":
    table.run([measure])
