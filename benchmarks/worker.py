"""CPU of the real worker, for each sample of a process that it takes.

Everything counts: sampling, encoding, outbox, acknowledged publishing, all threads.
What the worker costs with no process registered (host metrics, idling) is subtracted.
psutil reads the same processes as often, between the worker's ticks, and does nothing
else; so does the bare minimum of system calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks import netdata, servers, streams, table
from benchmarks.table import Row
from robometrics import subjects
from robometrics.broker import Link
from robometrics.lib.client import ask_by_socket, register_request
from robometrics.requests import encode_request
from robometrics.schema import decode_batch
from robometrics.settings import ClientSettings

LOADS = ((200, 1), (200, 10), (1_000, 1))
"""Processes, and how often each is sampled a second."""

QUICK_LOADS = ((50, 10), (50, 1))
_BASELINE = "psutil oneshot, six fields, reading only"

Read = Callable[[], object]


class Worker(NamedTuple):
    """One worker process, alone on its host as far as it knows."""

    process: subprocess.Popen[bytes]
    host: str
    hz: int
    socket: Path


class Busy(NamedTuple):
    """What one worker and its rivals cost; CPU in µs per process-sample, by round."""

    worker_us: list[float]
    psutil_us: list[float]
    floor_us: list[float]
    mib: float


class Idle(NamedTuple):
    """A worker with no process registered."""

    ns_per_second: float
    mib: float


async def measure(*, quick: bool) -> list[Row]:
    """Measure idle workers together, then each alone with processes."""
    loads = QUICK_LOADS if quick else LOADS
    rows: list[Row] = []
    with (
        servers.folder() as at,
        servers.nats_server(at) as url,
        servers.sleepers(max(count for count, _ in loads)) as pids,
        contextlib.ExitStack() as stack,
    ):
        async with streams.provisioned(url) as link:
            workers = [
                stack.enter_context(started(at, url, hz, f"bench-{count}-at-{hz}-hz"))
                for count, hz in loads
            ]
            idles = await asyncio.gather(
                *(asyncio.to_thread(_idle, each, quick=quick) for each in workers)
            )
            for worker, idle, (count, _) in zip(workers, idles, loads, strict=True):
                some = pids[:count]
                busy = await asyncio.to_thread(_busy, worker, idle, some, quick=quick)
                ticks_skipped = await _ticks_skipped(link, worker, count)
                servers.stop(worker.process)
                rows += _rows(count, worker.hz, idle, busy, ticks_skipped)
        if program := netdata.find():
            what = _what(*loads[-1])
            beside = [
                row for row in rows if (row.what, row.baseline) == (what, _BASELINE)
            ]
            rows += await asyncio.to_thread(_netdata, program, at, beside, quick=quick)
    return rows


def _netdata(program: Path, at: Path, rows: list[Row], *, quick: bool) -> list[Row]:
    """Return *rows* beside the cost of netdata's collector in C."""
    theirs = netdata.cost_us(program, at, seconds=3 if quick else 20)
    return [
        row._replace(
            baseline="netdata apps.plugin, all processes",
            baseline_values=[theirs],
        )
        for row in rows
    ]


@contextlib.contextmanager
def started(at: Path, url: str, hz: int, host: str = "bench") -> Iterator[Worker]:
    """Yield a worker that takes registrations."""
    path = at / f"{host}.sock"
    options = [f"--nats-url={url}", f"--host={host}", f"--socket-path={path}"]
    options += [f"--data-dir={at / host}", f"--interval-seconds={1 / hz}"]
    with servers.robometrics(at, "worker", *options) as process:
        servers.wait_until(path.exists, process)
        yield Worker(process, host, hz, path)


def register(worker: Worker, pids: Sequence[int]) -> None:
    """Have *pids* measured; their names are ``node_0`` and so on."""
    settings = ClientSettings(socket_path=str(worker.socket))
    for number, pid in enumerate(pids):
        request = register_request(f"node_{number}", pid)
        reply = ask_by_socket(encode_request(request), settings)
        if reply is None or not reply.accepted or reply.host != worker.host:
            raise RuntimeError(f"pid {pid} is not registered: {reply}")


def _idle(worker: Worker, *, quick: bool) -> Idle:
    seconds = 1 if quick else 4
    _, (worker_ns, _) = _cpu_ns(worker, (), rounds=2, seconds=seconds)
    return Idle(worker_ns / seconds, servers.rss_mib(worker.process))


def _busy(worker: Worker, idle: Idle, pids: Sequence[int], *, quick: bool) -> Busy:
    rounds, seconds = (3, 1) if quick else (8, 3)
    register(worker, pids)
    reads = (_psutil_reader(pids), _floor_reader(pids))
    _, *per_round = _cpu_ns(worker, reads, rounds=rounds, seconds=seconds)
    samples = len(pids) * worker.hz * seconds
    return Busy(
        worker_us=[
            (worker_ns - idle.ns_per_second * seconds) / 1e3 / samples
            for worker_ns, _ in per_round
        ],
        psutil_us=[spent[0] / 1e3 / samples for _, spent in per_round],
        floor_us=[spent[1] / 1e3 / samples for _, spent in per_round],
        mib=servers.rss_mib(worker.process),
    )


def _cpu_ns(
    worker: Worker, reads: Sequence[Read], *, rounds: int, seconds: int
) -> list[tuple[int, list[int]]]:
    """Return, for each round, the CPU time of *worker* and of each of *reads*.

    A round begins and ends half a second after a flush. Each read has its own place
    between two ticks, so that nobody works at the same time. The first round warms up.
    """
    start = math.ceil(time.time() + 0.5) - 0.5
    _sleep_until(start)
    found = []
    for number in range(rounds):
        begins = start + number * seconds
        spent = [0] * len(reads)
        before = servers.cpu_ns(worker.process)
        for tick in range(worker.hz * seconds):
            for place, read in enumerate(reads):
                fraction = (place + 1) / (len(reads) + 1)
                _sleep_until(begins + (tick + fraction) / worker.hz)
                began = time.thread_time_ns()
                read()
                spent[place] += time.thread_time_ns() - began
        _sleep_until(begins + seconds)
        found.append((servers.cpu_ns(worker.process) - before, spent))
    return found


def _psutil_reader(pids: Sequence[int]) -> Read:
    """Return what reads six fields of each process, as agents in Python do."""
    processes = [psutil.Process(pid) for pid in pids]

    def read() -> None:
        for process in processes:
            with process.oneshot():
                process.cpu_times()
                process.memory_info()
                process.num_threads()
                process.status()
                process.memory_percent()
                process.create_time()

    return read


def _floor_reader(pids: Sequence[int]) -> Read:
    """Return the two system calls for CPU and memory, and nothing around them."""
    handles = [
        ((~pid << 3) | 2, os.open(f"/proc/{pid}/statm", os.O_RDONLY)) for pid in pids
    ]

    def read() -> None:
        for clock, statm in handles:
            time.clock_gettime_ns(clock)
            os.pread(statm, 64, 0)

    return read


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


async def _ticks_skipped(link: Link, worker: Worker, processes: int) -> int:
    """Return what the worker last said of itself; check that it did its work.

    Raises:
        RuntimeError: It measured less than it should, or lags behind.
    """
    stream = link.require_client().jetstream()
    last = await stream.get_last_msg(streams.STREAM, subjects.host_samples(worker.host))
    said = decode_batch(last.data or b"").metrics
    measured, waiting = said["process_count"][-1], said["outbox_messages"][-1]
    if measured != processes or (waiting or 0) > 2 * processes:
        raise RuntimeError(f"measured {measured}, not yet acknowledged {waiting}")
    return int(said["worker_ticks_skipped_total"][-1] or 0)


def _what(processes: int, hz: int) -> str:
    return f"worker, {processes} procs at {hz} Hz: CPU per process-sample"


def _rows(
    processes: int, hz: int, idle: Idle, found: Busy, ticks_skipped: int
) -> list[Row]:
    who = f"worker, {processes} procs at {hz} Hz"
    busy_us = [each * processes * hz for each in found.worker_us]
    psutil_us = [each * processes * hz for each in found.psutil_us]
    return [
        Row(
            _what(processes, hz),
            found.worker_us,
            "µs",
            _BASELINE,
            found.psutil_us,
        ),
        Row(
            _what(processes, hz),
            found.worker_us,
            "µs",
            "clock_gettime and pread of statm in a loop",
            found.floor_us,
        ),
        Row(
            f"{who}: CPU of one core, all in",
            [(each + idle.ns_per_second / 1e3) / 1e4 for each in busy_us],
            "%",
            "psutil oneshot, reading only",
            [each / 1e4 for each in psutil_us],
        ),
        Row(
            f"worker set to {hz} Hz: CPU of one core with no process",
            [idle.ns_per_second / 1e7],
            "%",
        ),
        Row(
            f"{who}: resident memory",
            [found.mib],
            "MiB",
            "with no process",
            [idle.mib],
        ),
        Row(f"{who}: ticks skipped", [ticks_skipped], "ticks"),
    ]


if __name__ == "__main__":
    table.run([measure])
