"""The kernel gives a pid to another process: no sample of it goes to the first one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from servers import NatsServer
from waiting import poll_until

from robometrics import runtime
from robometrics.broker import Link
from robometrics.errors import ProcessGoneError
from robometrics.lib import client
from robometrics.publisher.clock import since_boot_ns
from robometrics.publisher.samplers.process import open_process
from robometrics.requests import ListRequest

from .conftest import Spawn
from .workers import Collector, ask, collect_until, running, settings_for

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
BUSY = "import time\nwhile True: time.process_time()"

Rebirth = Callable[["subprocess.Popen[bytes]"], "subprocess.Popen[bytes]"]


@pytest.fixture
def rebirth() -> Iterator[Rebirth]:
    """Kill a process, and start a busy one that gets its pid."""
    children: list[subprocess.Popen[bytes]] = []

    def reborn(first: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        started = runtime.start_ticks(first.pid) or 0
        poll_until(lambda: _ticks_now() > started)  # else both started at once
        first.kill()
        first.wait()
        for _ in range(200):
            try:
                LAST_PID.write_text(str(first.pid - 1), "ascii")
            except OSError:
                pytest.skip("only root may choose the next pid")
            child = subprocess.Popen(
                [sys.executable, "-c", BUSY], stdin=subprocess.DEVNULL
            )
            children.append(child)
            if child.pid == first.pid:
                return child
            child.kill()  # somebody else was given it, for now
            child.wait()
        pytest.skip("the pid was taken again and again")

    yield reborn
    for child in children:
        with suppress(ProcessLookupError):
            child.kill()
        child.wait()


def _ticks_now() -> int:
    return int(since_boot_ns() * os.sysconf("SC_CLK_TCK") / 1e9)


def test_a_reader_never_reads_another_process(spawn: Spawn, rebirth: Rebirth) -> None:
    first = spawn("input()")
    ticks = runtime.start_ticks(first.pid)
    assert ticks is not None
    reader = open_process(first.pid, ticks)
    reader.fast()

    second = rebirth(first)
    poll_until(lambda: runtime.is_running(second.pid))
    with pytest.raises(ProcessGoneError):
        reader.fast()
    with pytest.raises(ProcessGoneError):
        reader.slow()
    assert reader.final_cpu_time_ns() is None
    reader.close()
    with pytest.raises(ProcessGoneError):
        open_process(second.pid, ticks)


async def test_the_run_ends_and_the_next_one_is_another(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn, rebirth: Rebirth
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    first = spawn("input()")
    async with running(settings):
        reply = await ask(settings, client.register_request("p", first.pid))
        await collect_until(collector, lambda: len(collector.of("p")) > 0)
        second = rebirth(first)
        assert os.path.exists(f"/proc/{second.pid}")  # noqa: PTH110  nothing awaited
        await collect_until(collector, lambda: "exited" in collector.said())
        assert [] == (await ask(settings, ListRequest())).watched

        again = await ask(settings, client.register_request("p", second.pid))
        assert (True, False) == (again.accepted, again.run == reply.run)
        await collect_until(
            collector,
            lambda: any(batch.run == again.run for batch in collector.of("p")),
        )
    slots = [batch.slot for batch in collector.of("p") if batch.run == reply.run]
    spent_ns = [
        batch.metrics["cpu_time_ns"][-1]
        for batch in collector.of("p")
        if batch.run == reply.run
    ]
    assert sorted(set(slots)) == slots
    assert sorted(spent_ns) == spent_ns
    assert spent_ns[-1] - spent_ns[0] < 1e9, "it slept; the busy one is the other"
