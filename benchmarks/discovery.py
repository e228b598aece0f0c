"""What looking for processes costs beside 2,000 of them, and how soon one is found.

The thread itself is measured, by its own CPU clock, with a rule that reads executable
and command line. Beside it psutil lists the same processes with the same attributes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import psutil

from benchmarks import table
from benchmarks.table import Row, percentile
from robometrics.publisher.discovery.connector import Connector, ConnectorError
from robometrics.publisher.discovery.facts import ProcFacts
from robometrics.publisher.discovery.finder import Finder, Found
from robometrics.publisher.discovery.matching import compile_rules, first_match
from robometrics.publisher.discovery.stat import ProcKernel
from robometrics.publisher.discovery.table import YOUNG_TICKS, Table
from robometrics.rules import Rule

PROCESSES = 2_000
ATTRIBUTES = ["pid", "ppid", "name", "create_time", "exe", "cmdline"]
MARK = "robometrics-benchmark"
_RULES = [Rule(exe="sleep", command=f"{MARK} ", name="nothing"), Rule(command=MARK)]
_FOUND_SECONDS = 15.0


async def measure(*, quick: bool) -> list[Row]:
    """Measure scans and their baseline by turns, then threads of each kind."""
    rounds, seconds, starts = (3, 3.0, 4) if quick else (7, 20.0, 20)
    matchers = compile_rules(_RULES)
    kernel = ProcKernel()
    with sleepers(PROCESSES):
        # While young they cost more.
        await asyncio.sleep(YOUNG_TICKS / os.sysconf("SC_CLK_TCK"))
        listed, full, quiet, theirs = [], [], [], []
        for _ in range(rounds):
            processes = Table(kernel, own_pid=os.getpid())
            listed.append(_us(processes.scan))
            due = processes.take_due()
            full.append(
                _us(
                    lambda due=due: [
                        first_match(matchers, ProcFacts(each.pid, each.stat.comm))
                        for each in due
                    ]
                )
            )
            _quieten(processes)
            quiet.append(_us(processes.scan))
            theirs.append(
                _us(lambda: [each.info for each in psutil.process_iter(ATTRIBUTES)])
            )
        pids_only = [_us(psutil.pids) for _ in range(rounds)]
        rows = [
            Row(
                f"the first scan of {PROCESSES:,} processes, with matching",
                [a + b for a, b in zip(listed, full, strict=True)],
                "µs",
                "psutil.process_iter, same attributes",
                theirs,
            ),
            Row("a scan when nothing began", quiet, "µs", "psutil.pids", pids_only),
        ]
        for way in ("scan", "connector"):
            if way == "connector" and not _is_told():
                continue
            cost, delays = _thread(way, seconds, starts)
            rows.append(
                Row(
                    f"{way}: CPU of one core, a process starts each second",
                    [cost],
                    "%",
                    "psutil.process_iter once a second",
                    [each / 1e4 for each in theirs],
                )
            )
            rows += [
                Row(f"{way}: start to found, median", [percentile(delays, 50)], "ms"),
                Row(f"{way}: start to found, longest", [max(delays)], "ms"),
            ]
    return rows


def _quieten(processes: Table) -> None:
    """Let the table settle, so that only what is new costs anything."""
    for _ in range(3):
        processes.scan()
        processes.take_due()


def _us(call: Callable[[], object]) -> float:
    """Return the CPU time of *call*, in µs."""
    before_ns = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - before_ns) / 1e3


def _is_told() -> bool:
    try:
        Connector().close()
    except ConnectorError:
        return False
    return True


def _thread(way: str, seconds: float, starts: int) -> tuple[float, list[float]]:
    """Return the CPU use of the thread in percent, and the delays in ms."""
    arrived: dict[int, float] = {}
    news = threading.Event()

    def hand_over(found: list[Found]) -> None:
        now = time.monotonic()
        for each in found:
            if each.match is not None:
                arrived.setdefault(each.pid, now)
        news.set()

    finder = Finder(
        compile_rules([Rule(command=f"found-{MARK}")]),
        parents=list,
        hand_over=hand_over,
        again=list,
        use_connector=way == "connector",
    )
    finder.start()
    while not finder.cpu_time_ns:
        time.sleep(0.1)  # the first scan is a row of its own
    before_ns, began = finder.cpu_time_ns, time.monotonic()
    delays = []
    for number in range(starts):
        started = time.monotonic()
        # The clock of the scans must not tell the starts when to come.
        with _started() as pid:
            while pid not in arrived and time.monotonic() - started < _FOUND_SECONDS:
                news.clear()
                news.wait(0.5)
            delays.append((arrived.get(pid, float("inf")) - started) * 1e3)
        time.sleep(0.37 + number % 7 / 10)
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    spent_ns = finder.cpu_time_ns - before_ns
    took_seconds = time.monotonic() - began
    finder.end()
    return spent_ns / took_seconds / 1e7, delays


@contextlib.contextmanager
def _started() -> Iterator[int]:
    child = subprocess.Popen(["sh", "-c", "read x", f"found-{MARK}"], stdin=-1)
    try:
        yield child.pid
    finally:
        child.kill()
        child.communicate()


@contextlib.contextmanager
def sleepers(count: int) -> Iterator[None]:
    """Have *count* small programs sleep, and end each of them by its pid."""
    script = (
        f"n=0; while [ $n -lt {count} ]; do sleep 900 >&- & echo $!; n=$((n+1)); done"
    )
    shell = subprocess.run(
        ["sh", "-c", f"exec 2>&-; {script}"], stdout=subprocess.PIPE, check=True
    )
    pids = [int(pid) for pid in re.findall(rb"\d+", shell.stdout)]
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    table.run([measure])
