"""A fleet that keeps publishing: ``python -m benchmarks.feed NATS_URL PROCESSES``.

One batch a second of each process, until it is told to stop; for what is measured
beside a running pipeline.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers, streams
from robometrics.broker import open_link


@contextlib.contextmanager
def feeding(at: Path, url: str, processes: int) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the process that publishes; what it says is in *at*."""
    command = [sys.executable, "-m", "benchmarks.feed", url, str(processes)]
    with servers.child(command, at / "feed.log") as process:
        yield process


async def feed(url: str, processes: int) -> None:
    fleet = streams.Fleet(processes, first_slot=int(time.time()))
    async with open_link(url, "feed") as link:
        await asyncio.wait_for(link.wait_up(), servers.START_SECONDS)
        due = time.monotonic()
        while True:
            await streams.fill(link, fleet.batches(1))
            due = max(due + 1, time.monotonic())
            await asyncio.sleep(due - time.monotonic())


if __name__ == "__main__":
    asyncio.run(feed(sys.argv[1], int(sys.argv[2])))
