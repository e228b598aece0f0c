"""How steady the CPU use of a steady program looks: 3 ms of work every 50 ms.

At 10 Hz each window holds two bursts, so the truth is 6 % in each.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks import servers, streams, table, ticks, worker
from benchmarks.table import Row
from robometrics.requests import Reply
from robometrics.schema import NS_PER_SECOND

INTERVAL_NS = NS_PER_SECOND // 10
CHILD = """
import time
from itertools import pairwise
while True:
    time.sleep(0.05 - (time.time() - 0.025) % 0.05)
    end = time.thread_time_ns() + 3_000_000
    while time.thread_time_ns() < end: pass
"""


async def measure(*, quick: bool) -> list[Row]:
    """Measure one child by the worker and by psutil at the same time."""
    seconds = 4 if quick else 20
    with servers.folder() as at, servers.nats_server(at) as url:
        command = [sys.executable, "-c", CHILD]
        with servers.child(command, Path(at) / "child.log", leashed=False) as child:
            async with streams.provisioned(url) as link:
                with worker.started(at, url, hz=10) as found:
                    worker.register(found, [child.pid])
                    from_ns = time.time_ns() + NS_PER_SECOND
                    theirs = await asyncio.to_thread(_psutil, child.pid, seconds)
                    await asyncio.sleep(2)  # the last slot
                    window = Reply(
                        accepted=True,
                        from_ns=from_ns,
                        until_ns=from_ns + seconds * NS_PER_SECOND,
                    )
                    readings = await ticks.readings(link, found.host, 0, window)
    ours = [
        100 * (cpu_ns - before_ns) / (at_ns - before_at_ns)
        for (before_at_ns, before_ns), (at_ns, cpu_ns) in pairwise(readings)
    ]
    return [
        Row(
            "3 ms of work every 50 ms, at 10 Hz: std. deviation",
            [statistics.stdev(ours)],
            "%",
            "psutil cpu_percent at 10 Hz",
            [statistics.stdev(theirs)],
        ),
        Row(
            "the same: mean (the truth: 6)",
            [statistics.mean(ours)],
            "%",
            "psutil cpu_percent at 10 Hz",
            [statistics.mean(theirs)],
        ),
    ]


def _psutil(pid: int, seconds: int) -> list[float]:
    """Return what ``cpu_percent`` says at each tick."""
    process = psutil.Process(pid)
    said = []
    for _ in range(10 * (seconds + 1)):
        now_ns = time.time_ns()
        time.sleep((INTERVAL_NS - now_ns % INTERVAL_NS) / NS_PER_SECOND)
        said.append(process.cpu_percent())
    return said[10:]


if __name__ == "__main__":
    table.run([measure])
