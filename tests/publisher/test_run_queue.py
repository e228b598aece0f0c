"""Waiting and switches are those of all threads, and never run back."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from waiting import poll_until

from robometrics.publisher.samplers import run_queue
from robometrics.publisher.samplers.run_queue import RunQueue, parse_schedstat

from .conftest import Spawn

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this kernel does not count"
)


PROGRAM = """
import sys, threading
ends = []
for line in sys.stdin:
    wanted = int(line)
    while len(ends) < wanted:
        end = threading.Event()
        thread = threading.Thread(target=end.wait)
        thread.start()
        ends.append((thread, end))
    while len(ends) > wanted:
        thread, end = ends.pop()
        end.set()
        thread.join()
    print(wanted, flush=True)
"""


class Program:
    """A process with as many idle threads as a test wants."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self.pid = child.pid
        self.have_threads(0)

    def have_threads(self, count: int) -> None:
        """Begin or end threads; the main thread is one more."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(b"%d\n" % count)
        self._child.stdin.flush()
        assert b"%d\n" % count == self._child.stdout.readline()
        poll_until(lambda: self.thread_count() == count + 1)

    def thread_count(self) -> int:
        return len(self._tasks())

    def switches(self) -> int:
        """Return the timeslices of all threads that run now."""
        return sum(
            parse_schedstat((task / "schedstat").read_bytes())[1]
            for task in self._tasks()
        )

    def _tasks(self) -> list[Path]:
        return [*Path(f"/proc/{self.pid}/task").iterdir()]


@pytest.fixture
def program(spawn: Spawn) -> Program:
    return Program(spawn(PROGRAM))


@pytest.fixture
def queue(program: Program) -> Iterator[RunQueue]:
    opened = RunQueue(program.pid)
    yield opened
    opened.close()


def test_the_fields_are_wait_and_timeslices() -> None:
    assert (22, 333) == parse_schedstat(b"1111 22 333\n")


def test_switches_of_all_threads_count(program: Program, queue: RunQueue) -> None:
    program.have_threads(5)
    before = program.switches()
    found = queue.read(program.thread_count())
    after = program.switches()

    assert found is not None
    assert before <= found[1] <= after


def test_a_process_that_waits_for_its_core_is_seen_to_wait(spawn: Spawn) -> None:
    """Two on one core: while one computes, the other waits."""
    queue = RunQueue(os.getpid())
    allowed = os.sched_getaffinity(0)
    core = min(allowed)
    spawn(f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass")
    os.sched_setaffinity(0, [core])
    try:
        before = queue.read(1)
        assert before is not None
        poll_until(lambda: _spin() and (queue.read(1) or before)[0] > before[0] + 10**7)
    finally:
        os.sched_setaffinity(0, allowed)
        queue.close()


def _spin() -> bool:
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
    return True


def test_sums_never_run_back_when_threads_end(
    program: Program, queue: RunQueue
) -> None:
    program.have_threads(6)
    with_all = queue.read(program.thread_count())
    program.have_threads(0)
    after = queue.read(1)

    assert with_all is not None
    assert after is not None
    assert after[0] >= with_all[0]
    assert after[1] >= with_all[1]


def test_many_threads_are_read_in_turn_and_told_once_all_are_known(
    program: Program, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "THREADS_PER_READ", 4)
    program.have_threads(10)
    known = [queue.read(program.thread_count()) for _ in range(3)]
    at_most = program.switches()

    assert [None, None] == known[:2]
    assert known[2] is not None
    assert 11 <= known[2][1] <= at_most


def test_of_too_many_threads_nothing_is_told(
    program: Program, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "THREADS_MAX", 3)
    program.have_threads(3)
    assert queue.read(program.thread_count()) is None


def test_a_thread_id_used_again_counts_as_a_new_thread(queue: RunQueue) -> None:
    queue._count(7, 100, 10)
    queue._count(7, 30, 3)

    assert (130, 13) == (queue._wait_ns, queue._switches)


def test_descriptors_do_not_grow_with_threads(
    program: Program, queue: RunQueue
) -> None:
    def held() -> list[str]:
        found = []
        for each in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # that of this very listing
                found.append(str(each.readlink()))
        return [link for link in found if f"/proc/{program.pid}/" in link]

    program.have_threads(20)
    for _ in range(5):
        queue.read(program.thread_count())

    assert 2 == len(held())


def test_a_kernel_that_does_not_count_gives_nothing(
    queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It then writes three zeros, which must not be taken for a measurement."""
    monkeypatch.setattr(os, "pread", lambda *_: b"0 0 0\n")

    assert queue.read(1) is None
