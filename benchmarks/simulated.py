"""What one machine takes of a simulated fleet, all of the product's parts on it.

A fleet it can keep up with, and one that drives it to its limit: 5,000 hosts with ten
processes each. Nothing of another kind plays workers: beside what was taken stands what
the fleet has.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks import servers, table
from benchmarks.table import Row
from robometrics.cli.simulate_page import verdict
from robometrics.simulation.simulating import Result

_STARTED_SECONDS = 5.0  # until consumers ask for messages: they are not waited for
_ROOT = Path(__file__).parents[1]


class Play(NamedTuple):
    """One simulation."""

    hosts: int
    seconds: int


SMALL = Play(300, 60)
LARGE = Play(5_000, 120)
QUICK = Play(20, 5)


async def measure(*, quick: bool) -> list[Row]:
    """Play each fleet on servers of its own."""
    rows: list[Row] = []
    for play in (QUICK,) if quick else (SMALL, LARGE):
        rows += _rows(_played(play))
    return rows


def _played(play: Play) -> Result:
    with contextlib.ExitStack() as stack:
        at = stack.enter_context(servers.folder())
        nats_url = stack.enter_context(servers.nats_server(at))
        mongo_url = stack.enter_context(servers.mongod(at))
        shared = [f"--nats-url={nats_url}", f"--mongo-url={mongo_url}"]
        _run("provision", *shared)
        port = f"--port={servers.free_port()}"
        for options in (["--roles=persist"], ["--roles=rollup"], ["--roles=api", port]):
            server = servers.robometrics(at, "server", *options, *shared)
            stack.enter_context(server)
        time.sleep(_STARTED_SECONDS)
        asked = [f"--hosts={play.hosts}", f"--for={play.seconds}s", "--json"]
        said = _run("simulate", *asked, *shared)
    return msgspec.json.decode(said, type=Result)


def _run(*words: str) -> bytes:
    command = [sys.executable, "-m", "robometrics", *words]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, check=False)
    return done.stdout


def _rows(found: Result) -> Iterator[Row]:
    fleet = f"{found.wanted.hosts:,} hosts x {found.wanted.processes}"
    offered = [found.offered_per_second]
    whole = (f"what {fleet} have", offered)
    yield Row(f"{fleet}: acknowledged", [found.per_second], "msg/s", *whole)
    for durable, stage in found.stages.items():
        yield Row(f"{fleet}: {durable}", [stage.per_second], "msg/s", *whole)
    yield Row(f"{fleet}: acknowledged after, p50", [found.ack_p50_ms], "ms")
    yield Row(f"{fleet}: the same, p99", [found.ack_p99_ms], "ms")
    for part, cost in found.parts.items():
        yield Row(f"{fleet}: {part}", [cost.cpu_us_per_message], "µs/msg")
        yield Row(f"{fleet}: {part}, cores", [cost.cores], "cores")
        yield Row(f"{fleet}: {part}, memory", [cost.memory_bytes / 2**20], "MiB")
    for line in verdict(found):
        print(f"{fleet}: {line}", flush=True)


if __name__ == "__main__":
    table.run([measure])
