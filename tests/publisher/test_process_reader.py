"""The hot path reads the right process, exactly, and notices that it went."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from waiting import poll_until

from robometrics import runtime
from robometrics.errors import ProcessGoneError
from robometrics.metrics import METRICS
from robometrics.publisher.samplers.process import (
    LinuxProcess,
    PortableProcess,
    open_process,
    parse_io,
    parse_stat,
)

from .conftest import Spawn

STAT = (
    b"4242 (a) b (c)) S 1 4242 4242 0 -1 4194560 1700 900 12 3 25 7 1 2 20 0 9 0 "
    b"331122 11501568 870 18446744073709551615 1 1 0\n"
)


def test_stat_is_parsed_from_the_last_bracket_of_a_hostile_name() -> None:
    expected = {
        "minor_faults_total": 1700,
        "major_faults_total": 12,
        "children_cpu_time_ns": 30_000_000,
        "thread_count": 9,
    }
    assert expected == parse_stat(STAT)


def test_io_counts_what_reached_storage_not_what_was_cached() -> None:
    io = b"rchar: 999\nwchar: 888\nsyscr: 1\nsyscw: 2\nread_bytes: 4096\n"
    io += b"write_bytes: 8192\ncancelled_write_bytes: 0\n"
    assert (4096, 8192) == parse_io(io)


def test_cpu_and_memory_agree_with_psutil() -> None:
    pid = os.getpid()
    reader = open_process(pid, runtime.start_ticks(pid) or 0)
    own = psutil.Process()
    before = sum(own.cpu_times()[:2])
    cpu_time_ns, memory_rss_bytes = reader.fast()
    after = sum(own.cpu_times()[:2])
    assert before - 0.02 <= cpu_time_ns / 1e9 <= after + 0.02
    assert memory_rss_bytes == pytest.approx(own.memory_info().rss, rel=0.2)
    slow = reader.slow()
    assert own.num_threads() == slow["thread_count"]
    assert all("process" in METRICS[name].of for name in slow)
    reader.close()


def test_a_child_that_came_and_went_is_in_its_parents_slow_reading(
    spawn: Spawn,
) -> None:
    """No scan sees it: the parent tells, once it has waited for it."""
    parent = spawn(
        "import subprocess, sys\n"
        "burn = 'import time\\nwhile time.process_time() < 0.2: pass'\n"
        "subprocess.run([sys.executable, '-c', burn])\n"
        "print('done', flush=True)\n"
        "sys.stdin.read()"
    )
    with closing(
        open_process(parent.pid, runtime.start_ticks(parent.pid) or 0)
    ) as reader:
        assert parent.stdout is not None
        parent.stdout.readline()
        slow = reader.slow()

        assert 180_000_000 <= slow["children_cpu_time_ns"] < 2_000_000_000
        assert slow["context_switches_total"] > 0
        assert slow["runqueue_wait_time_ns"] >= 0


def test_a_wrong_start_time_is_another_process() -> None:
    pid = os.getpid()
    with pytest.raises(ProcessGoneError):
        LinuxProcess(pid, (runtime.start_ticks(pid) or 0) + 1)


def test_a_missing_process_is_gone() -> None:
    with pytest.raises(ProcessGoneError):
        LinuxProcess(2**22 - 1, 1)


def test_descriptors_are_returned() -> None:
    pid = os.getpid()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        open_process(pid, runtime.start_ticks(pid) or 0).close()
    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_a_zombies_clock_is_its_exact_cpu_time(spawn: Spawn) -> None:
    """Its parent has not reaped it: the last reading a worker can take."""
    child = spawn(
        "import time\n"
        "t = time.process_time()\n"
        "while time.process_time() - t < 0.2: pass"
    )
    reader = open_process(child.pid, runtime.start_ticks(child.pid) or 0)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    last = reader.final_cpu_time_ns()
    usage = os.wait4(child.pid, 0)[2]
    child.returncode = 0
    assert last is not None
    assert usage.ru_utime + usage.ru_stime == pytest.approx(last / 1e9, abs=0.001)
    with pytest.raises(ProcessGoneError):
        reader.fast()
    assert reader.final_cpu_time_ns() is None
    reader.close()


@pytest.mark.parametrize("kind", ["linux", "portable"])
def test_both_readers_see_cpu_grow_and_the_end(spawn: Spawn, kind: str) -> None:
    child = spawn("while True: pass")
    if kind == "linux":
        reader = LinuxProcess(child.pid, runtime.start_ticks(child.pid) or 0)
    else:
        reader = PortableProcess(child.pid)
    first = reader.fast()[0]
    poll_until(lambda: reader.fast()[0] > first + 50_000_000)
    assert reader.slow()["thread_count"] == 1
    child.kill()
    child.wait()
    with pytest.raises(ProcessGoneError):
        reader.fast()
    reader.close()


def test_the_clock_runs_in_nanoseconds_not_in_ticks() -> None:
    """Sampled at 10 Hz, a tick of 10 ms would be a tenth of the value."""
    pid = os.getpid()
    reader = open_process(pid, runtime.start_ticks(pid) or 0)
    seen = set()
    deadline = time.monotonic() + 5
    while len(seen) < 100 and time.monotonic() < deadline:
        seen.add(reader.fast()[0] % 10_000_000)
    assert 100 == len(seen)
    reader.close()


def test_a_process_that_did_not_run_is_not_asked_again(
    spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most processes of a fleet sleep; their counters are what they were."""
    child = spawn(
        "print(1, flush=True); input(); open('/proc/self/stat').read(); "
        "print(2, flush=True); input()"
    )
    assert child.stdout is not None
    child.stdout.readline()
    reader = open_process(child.pid, runtime.start_ticks(child.pid) or 0)
    asked = []
    read = reader._read_slow  # type: ignore[attr-defined]
    monkeypatch.setattr(reader, "_read_slow", lambda: asked.append(1) or read())

    def settled() -> bool:
        before = reader.fast()[0]
        reader.slow()
        return before == reader.fast()[0]

    poll_until(settled)
    first, count = reader.slow(), len(asked)
    reader.fast()
    assert (first, count) == (reader.slow(), len(asked))

    assert child.stdin is not None
    child.stdin.write(b"go\n")
    child.stdin.flush()
    child.stdout.readline()
    reader.fast()
    after = reader.slow()
    assert len(asked) == count + 1
    assert after["context_switches_total"] > first["context_switches_total"]
    reader.close()
