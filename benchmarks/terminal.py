"""What ``robometrics top`` costs the machine it runs on, in a terminal of its own.

All the product's servers run; the workers of the fleet are made up here, and publish
once a second. Beside it: ``top`` of this one host, at the same rate.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import random
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks import servers, streams, table
from benchmarks.table import Row
from robometrics import subjects
from robometrics.broker import AckedPublisher
from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    Event,
    GpuBatch,
    HostBatch,
    Previous,
    ProcessBatch,
    encode,
)

HOSTS = 10
PROCESSES = (10, 100)
"""On each host."""

COLUMNS, LINES = 160, 50
_CORES = 16
_SETTLE_SECONDS = 10
_BOOT = "ab12cd34ef56"


async def measure(*, quick: bool) -> list[Row]:
    """Let it run, and read its CPU clock."""
    seconds = 10 if quick else 30
    baseline = await asyncio.to_thread(_watch, ["top", "-d", "1"], seconds)
    rows = []
    for processes in PROCESSES:
        async with site(HOSTS, processes, gpus=2) as url:
            command = [sys.executable, "-m", "robometrics", "top", f"--url={url}"]
            found = await asyncio.to_thread(_watch, command, seconds)
        what = f"top, {HOSTS} hosts, {HOSTS * processes} procs at 1 Hz"
        rows += [
            Row(
                f"{what}: CPU", found.cpu_percent, "%", "top -d 1", baseline.cpu_percent
            ),
            Row("the same: memory", [found.rss_mib], "MiB", "top", [baseline.rss_mib]),
            Row("the same: written", [found.kib_per_second], "KiB/s"),
        ]
    return rows


class Watched(NamedTuple):
    """What a program in a terminal took."""

    cpu_percent: list[float]
    """Of one core, second by second."""

    rss_mib: float
    kib_per_second: float


def _watch(command: Sequence[str], seconds: int) -> Watched:
    with in_terminal(command) as (process, written):
        time.sleep(_SETTLE_SECONDS)
        began, wrote = time.monotonic(), written[0]
        used = [servers.cpu_ns(process)]
        for _ in range(seconds):
            time.sleep(1)
            used.append(servers.cpu_ns(process))
        took = time.monotonic() - began
        return Watched(
            [(after - before) / 1e7 for before, after in pairwise(used)],
            servers.rss_mib(process),
            (written[0] - wrote) / took / 1024,
        )


class Site:
    """Made-up hosts with processes and GPUs, whose samples wander."""

    def __init__(self, hosts: int, processes: int, gpus: int) -> None:
        self._draw = random.Random(1)  # noqa: S311  no secret
        self._counters: dict[tuple[str, str], dict[str, int]] = {}
        self.hosts = [f"robot-{number}" for number in range(hosts)]
        self._processes = [f"node_{number}" for number in range(processes)]
        self._gpus = gpus

    def started(self) -> Iterator[Event]:
        """Yield what says that all processes were registered."""
        for host in self.hosts:
            for number, name in enumerate(self._processes):
                yield Event(
                    id=f"{host}-{number}",
                    host=host,
                    event="registered",
                    at_ns=time.time_ns(),
                    process=name,
                    run=f"{_BOOT}-{1_000 + number}-7",
                    pid=1_000 + number,
                    started_at_ns=time.time_ns() - 3_725 * NS_PER_SECOND,
                    command=f"/usr/bin/python3 -m robot.{name} --rate 10",
                    tags={"team": "vision"} if number % 3 else {"team": "motion"},
                )

    def batches(self, slot: int) -> Iterator[AnyBatch]:
        """Yield what all of them send of one second."""
        draw = self._draw
        for host in self.hosts:
            yield self.host_batch(host, slot)
            for index in range(self._gpus):
                yield GpuBatch(
                    **self._shared(host, str(index), slot, _BOOT, {}),
                    index=index,
                    uuid=f"GPU-{index}",
                    model="Stand-in 9000",
                    metrics={
                        "gpu_utilization_percent": [draw.randrange(101)],
                        "gpu_memory_used_bytes": [draw.randrange(1 << 30, 20 << 30)],
                        "gpu_memory_total_bytes": [24 << 30],
                        "gpu_temperature_celsius": [draw.randrange(40, 80)],
                        "gpu_power_watts": [draw.uniform(60, 300)],
                    },
                )
            for number, name in enumerate(self._processes):
                run = f"{_BOOT}-{1_000 + number}-7"
                steps = {
                    "cpu_time_ns": int(10**9 * 0.8**number),
                    "io_read_bytes_total": 1 << 16,
                    "io_write_bytes_total": 1 << 20,
                    "context_switches_total": 2_000,
                    "minor_faults_total": 100,
                    "runqueue_wait_time_ns": 10**6,
                }
                yield ProcessBatch(
                    **self._shared(host, name, slot, run, steps),
                    process=name,
                    pid=1_000 + number,
                    metrics=self._columns(host, name)
                    | {
                        "memory_rss_bytes": [draw.randrange(50 << 20, 900 << 20)],
                        "thread_count": [draw.randrange(1, 40)],
                    },
                )

    def host_batch(self, host: str, slot: int) -> HostBatch:
        """Return what *host* sends of itself."""
        return HostBatch(
            **self._shared(host, "", slot, _BOOT, {"cpu_time_ns": _CORES * 10**9}),
            metrics=self._columns(host, "")
            | {f"cpu_time_ns:{core}": [slot * 10**8] for core in range(_CORES)}
            | {
                "cpu_count": [_CORES],
                "memory_used_bytes": [self._draw.randrange(8 << 30, 12 << 30)],
                "memory_total_bytes": [32 << 30],
                "temperature_celsius:coretemp": [self._draw.uniform(50, 70)],
            },
        )

    def _shared(
        self, host: str, name: str, slot: int, run: str, steps: dict[str, int]
    ) -> dict[str, object]:
        """Return the fields all kinds have, and let the counters go on."""
        before = self._counters.get((host, name))
        after = {
            key: (before or {}).get(key, 0) + self._draw.randrange(step + 1)
            for key, step in steps.items()
        }
        self._counters[host, name] = after
        return {
            "host": host,
            "run": run,
            "slot": slot,
            "interval_ns": NS_PER_SECOND,
            "offset_ns": [0],
            "previous": Previous(offset_ns=-NS_PER_SECOND, counters=before)
            if before
            else None,
        }

    def _columns(self, host: str, name: str) -> dict[str, list[int | float | None]]:
        return {key: [each] for key, each in self._counters[host, name].items()}


@contextlib.asynccontextmanager
async def site(hosts: int, processes: int, gpus: int = 0) -> AsyncIterator[str]:
    """Run the product with a made-up fleet; yield the API's URL."""
    async with shown_by_api(Site(hosts, processes, gpus)) as url:
        yield url


@contextlib.asynccontextmanager
async def shown_by_api(made_up: Site) -> AsyncIterator[str]:
    """Run the product with *made_up*; yield the API's URL."""
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
    ):
        async with streams.provisioned(nats_url) as link:
            port = servers.free_port()
            options = (f"--nats-url={nats_url}", f"--mongo-url={mongo_url}")
            with servers.robometrics(at, "server", *options, f"--port={port}") as api:
                await asyncio.to_thread(
                    servers.wait_until, lambda: servers.listens(port), api
                )
                async with AckedPublisher.open(link, max_in_flight=1_024) as publisher:
                    publishing = asyncio.create_task(_publish(publisher, made_up))
                    try:
                        yield f"http://127.0.0.1:{port}"
                    finally:
                        publishing.cancel()


async def _publish(publisher: AckedPublisher, made_up: Site) -> None:
    """Publish each second when it is over, as workers do."""
    for event in made_up.started():
        await publisher.publish(
            subjects.events(event.host), encode(event), message_id=event.id
        )
    slot = int(time.time())
    while True:
        await asyncio.sleep(max(0.0, slot + 1 - time.time()))
        for batch in made_up.batches(slot):
            await publisher.publish(
                subjects.samples(batch.host, batch.kind, batch.name),
                encode(batch),
                message_id=f"{batch.host}-{batch.kind}-{batch.name}-{slot}",
            )
        slot += 1


@contextlib.contextmanager
def in_terminal(
    command: Sequence[str],
) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Run *command* in a terminal of its own; yield it, and how much it wrote."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    written = [0]

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(ours, 1 << 16):
                written[0] += len(data)

    process = subprocess.Popen(
        command,
        stdin=its,
        stdout=its,
        stderr=its,
        env=os.environ | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(its)
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process, written
    finally:
        servers.stop(process)
        reader.join()
        os.close(ours)


if __name__ == "__main__":
    table.run([measure])
