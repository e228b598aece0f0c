"""CPU of each reading of one process, beside psutil for the same values.

Reading only, in turn with psutil, so that both sides meet the same machine. The targets
sleep: what they do themselves changes nothing in what it costs to read them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks import servers, table
from benchmarks.table import Row
from robometrics import runtime
from robometrics.publisher.samplers.cgroup import Cgroup
from robometrics.publisher.samplers.memory_detail import MemoryDetail
from robometrics.publisher.samplers.open_files import OpenFiles
from robometrics.publisher.samplers.proc_directory import ProcDirectory
from robometrics.publisher.samplers.process import open_process
from robometrics.publisher.samplers.threads import ThreadTimes
from robometrics.publisher.samplers.tree import ProcessTree

THREADS = 16
CHILDREN = 20
_TARGET = f"""
import subprocess, threading, time
for _ in range({THREADS} - 1):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
for _ in range({CHILDREN}):
    subprocess.Popen(["sleep", "3600"])
block = bytearray(64 << 20)
time.sleep(3600)
"""

Read = Callable[[], object]


class Rival(NamedTuple):
    """One reading of ours, and psutil's of the same values."""

    what: str
    ours: Read
    theirs: str
    read_theirs: Read | None
    calls: int = 2_000


async def measure(*, quick: bool) -> list[Row]:
    """Measure each reading in rounds, ours and theirs in turn."""
    with _targets() as (sleeper, busy), contextlib.ExitStack() as stack:
        rivals = [*_usual(stack, sleeper, busy), *_asked_for(stack, busy)]
        return [_row(rival, 3 if quick else 9, quick=quick) for rival in rivals]


@contextlib.contextmanager
def _targets() -> Iterator[tuple[int, int]]:
    """Yield a process of one thread, and one with threads and children."""
    log = Path(os.devnull)
    command = [sys.executable, "-c", _TARGET]
    with (
        servers.sleepers(1) as [sleeper],
        servers.child(command, log, leashed=False) as busy,
    ):
        mine = psutil.Process(busy.pid)
        servers.wait_until(
            lambda: (
                mine.num_threads() == THREADS
                and len(mine.children()) == CHILDREN
                and mine.memory_info().rss > 64 << 20
            ),
            busy,
        )
        children = mine.children()
        try:
            yield sleeper, busy.pid
        finally:
            for child in children:
                child.kill()


def _usual(stack: contextlib.ExitStack, sleeper: int, busy: int) -> Iterator[Rival]:
    # One that is never asked for its CPU time cannot know that it slept.
    one, awake, many = (
        open_process(pid, _ticks(pid)) for pid in (sleeper, sleeper, busy)
    )
    for each in (one, awake, many):
        stack.callback(each.close)
    theirs, theirs_many = psutil.Process(sleeper), psutil.Process(busy)

    def fast() -> None:
        with theirs.oneshot():
            theirs.cpu_times()
            theirs.memory_info()

    def slow(process: psutil.Process) -> Read:
        def read() -> None:
            with process.oneshot():
                process.num_threads()
                process.cpu_times()
                process.num_ctx_switches()
                process.io_counters()

        return read

    yield Rival("each tick: CPU and RSS", one.fast, "cpu_times, memory_info", fast)
    name = "threads, children, switches, io"
    yield Rival("each second", awake.slow, name, slow(theirs))
    yield Rival("each second it did not run", one.slow, name, slow(theirs))
    what = f"each second, of {THREADS} threads"
    yield Rival(what, many.slow, f"{name} (main thread's)", slow(theirs_many))


def _asked_for(stack: contextlib.ExitStack, pid: int) -> Iterator[Rival]:
    theirs = psutil.Process(pid)
    directory = ProcDirectory(pid, _ticks(pid))
    stack.callback(directory.close)
    tree = ProcessTree(pid, _ticks(pid))
    stack.callback(tree.close)
    # A clock that jumps between two readings and stands still in each: all are due.
    always = (each // 2 * 1e6 for each in itertools.count()).__next__
    members = CHILDREN + 1

    def family() -> None:
        for process in [theirs, *theirs.children(recursive=True)]:
            with process.oneshot():
                process.cpu_times()
                process.memory_info()

    yield Rival(
        f"threads: {THREADS}, by name",
        ThreadTimes(directory).read,
        "threads()",
        theirs.threads,
    )
    yield Rival(
        "memory_detail: PSS, USS of 64 MiB",
        MemoryDetail(directory, clock=always).read,
        "memory_full_info()",
        theirs.memory_full_info,
        calls=100,
    )
    yield Rival(
        "open_files",
        OpenFiles(directory, clock=always).read,
        "num_fds()",
        theirs.num_fds,
    )
    yield Rival("cgroup", Cgroup(directory).read, "", None)
    yield Rival(
        f"tree of {members}: each tick",
        tree.fast,
        "children, their CPU, RSS",
        family,
        100,
    )
    yield Rival(
        f"tree of {members}: scan, each second",
        tree.scan,
        "children, their CPU, RSS",
        family,
        100,
    )


def _row(rival: Rival, rounds: int, *, quick: bool) -> Row:
    calls = rival.calls // 10 if quick else rival.calls
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_us(rival.ours, calls))
        if rival.read_theirs is not None:
            theirs.append(_us(rival.read_theirs, max(calls // 4, 10)))
    name = f"psutil: {rival.theirs}" if theirs else ""
    return Row(f"one process, {rival.what}", ours, "µs", name, theirs)


def _us(read: Read, calls: int) -> float:
    """Return the CPU time of one call, in µs."""
    read()
    began = time.thread_time_ns()
    for _ in range(calls):
        read()
    return (time.thread_time_ns() - began) / calls / 1e3


def _ticks(pid: int) -> int:
    return runtime.start_ticks(pid) or 0


if __name__ == "__main__":
    table.run([measure])
