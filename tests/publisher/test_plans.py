"""What a program asks beyond the usual is in its batches, and only then."""

from __future__ import annotations

import os
import signal
from itertools import pairwise
from pathlib import Path

from servers import NatsServer

from robometrics.broker import Link
from robometrics.lib import client
from robometrics.requests import Plan

from .conftest import Spawn
from .workers import Collector, ask, collect_until, running, settings_for

LAUNCHER = """
import ctypes, subprocess, sys, threading
def lidar():
    ctypes.CDLL(None).prctl(15, b"lidar")  # PR_SET_NAME
    threading.Event().wait()
threading.Thread(target=lidar, daemon=True).start()
burn = "import time\\nwhile time.process_time() < 0.3: pass"
subprocess.run([sys.executable, "-c", burn])
kept = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
input()
"""


async def test_a_plan_is_followed_and_nothing_else_is_read(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    launcher = spawn(LAUNCHER)
    plan = Plan(tree=True, threads=True, open_files=True, memory_detail=True)
    async with running(settings):
        for name, wanted in (("whole", plan), ("plain", Plan())):
            request = client.register_request(name, launcher.pid, plan=wanted)
            assert (await ask(settings, request)).accepted

        def keys(name: str) -> set[str]:
            return {key for batch in collector.of(name) for key in batch.metrics}

        wanted_keys = {
            "tree_cpu_time_ns",
            "tree_memory_rss_bytes",
            "tree_process_count",
            "open_file_count",
            "memory_pss_bytes",
            "thread_cpu_time_ns:lidar",
        }
        await collect_until(collector, lambda: wanted_keys <= keys("whole"))
        await collect_until(
            collector,
            lambda: any(
                2 in batch.metrics.get("tree_process_count", ())
                and (batch.metrics["tree_cpu_time_ns"][-1] or 0) > 0.3e9
                for batch in collector.of("whole")
            ),
        )
        launcher.kill()
        launcher.wait()
        await collect_until(collector, lambda: "exited" in collector.said())
    spent = [
        value
        for batch in sorted(collector.of("whole"), key=lambda each: each.slot)
        for value in batch.metrics.get("tree_cpu_time_ns", ())
        if value is not None
    ]
    assert sorted(spent) == spent
    for batch in collector.of("whole"):
        if column := batch.metrics.get("tree_cpu_time_ns"):
            assert len(column) == len(batch.offset_ns)
    assert not {
        key for key in keys("plain") if key.startswith(("tree_", "thread_c", "open_"))
    } - {"thread_count"}
    assert {"runqueue_wait_time_ns", "context_switches_total"} <= keys("plain")


async def test_a_new_child_is_found_before_it_looks_like_a_peak(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn
) -> None:
    """At a tenth of a second a child found a second late would show ten cores."""
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    launcher = spawn(
        "import subprocess, sys; input(); "
        "subprocess.run([sys.executable, '-c', 'while True: pass'])"
    )
    async with running(settings):
        request = client.register_request("p", launcher.pid, plan=Plan(tree=True))
        assert (await ask(settings, request)).accepted
        await collect_until(collector, lambda: len(collector.of("p")) >= 2)
        assert launcher.stdin is not None
        launcher.stdin.write(b"\n")
        launcher.stdin.flush()
        await collect_until(
            collector,
            lambda: any(
                (batch.metrics["tree_cpu_time_ns"][-1] or 0) > 1e9
                for batch in collector.of("p")
            ),
        )
        [child] = [
            int(pid)
            for pid in Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
            .read_text("ascii")
            .split()
        ]
        os.kill(child, signal.SIGKILL)
    spent = [
        (batch.slot * 10**9 + offset_ns, value)
        for batch in sorted(collector.of("p"), key=lambda each: each.slot)
        for offset_ns, value in zip(
            batch.offset_ns, batch.metrics["tree_cpu_time_ns"], strict=True
        )
        if value is not None
    ]
    cores = [
        (cpu_ns - before_ns) / (at_ns - before_at_ns)
        for (before_at_ns, before_ns), (at_ns, cpu_ns) in pairwise(spent)
    ]
    assert max(cores) < 8
