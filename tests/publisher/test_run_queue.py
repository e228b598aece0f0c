"""Waiting and switches are those of all threads, and never run back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import poll_until

from robometrics.publisher.samplers import run_queue
from robometrics.publisher.samplers.run_queue import RunQueue, parse_schedstat

from .conftest import Spawn

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this kernel does not count"
)


@contextmanager
def threads(count: int) -> Iterator[Callable[[], None]]:
    """Run *count* idle threads; yield how to let them end."""
    end = threading.Event()
    running = [threading.Thread(target=end.wait) for _ in range(count)]
    for thread in running:
        thread.start()

    def finish() -> None:
        end.set()
        for thread in running:
            thread.join()
        poll_until(lambda: thread_count() == 1)

    yield finish
    finish()


def thread_count() -> int:
    return len([*Path("/proc/self/task").iterdir()])


@pytest.fixture
def queue() -> Iterator[RunQueue]:
    opened = RunQueue(os.getpid())
    yield opened
    opened.close()


def switches_of_all() -> int:
    """Return the timeslices of this process's threads that run now."""
    return sum(
        parse_schedstat((task / "schedstat").read_bytes())[1]
        for task in Path("/proc/self/task").iterdir()
    )


def test_the_fields_are_wait_and_timeslices() -> None:
    assert (22, 333) == parse_schedstat(b"1111 22 333\n")


def test_switches_of_all_threads_count(queue: RunQueue) -> None:
    with threads(5):
        before = switches_of_all()
        found = queue.read(thread_count())
        after = switches_of_all()

        assert found is not None
        assert before <= found[1] <= after


def test_a_process_that_waits_for_its_core_is_seen_to_wait(
    queue: RunQueue, spawn: Spawn
) -> None:
    """Two on one core: while one computes, the other waits."""
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


def _spin() -> bool:
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
    return True


def test_sums_never_run_back_when_threads_end(queue: RunQueue) -> None:
    with threads(6) as finish:
        with_all = queue.read(thread_count())
        finish()
        after = queue.read(1)

        assert with_all is not None
        assert after is not None
        assert after[0] >= with_all[0]
        assert after[1] >= with_all[1]


def test_many_threads_are_read_in_turn_and_told_once_all_are_known(
    queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "THREADS_PER_READ", 4)
    with threads(10):
        known = [queue.read(thread_count()) for _ in range(3)]
        at_most = switches_of_all()

        assert [None, None] == known[:2]
        assert known[2] is not None
        assert 11 <= known[2][1] <= at_most


def test_of_too_many_threads_nothing_is_told(
    queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "THREADS_MAX", 3)
    with threads(3):
        assert queue.read(thread_count()) is None


def test_a_thread_id_used_again_counts_as_a_new_thread(queue: RunQueue) -> None:
    queue._count(7, 100, 10)
    queue._count(7, 30, 3)

    assert (130, 13) == (queue._wait_ns, queue._switches)


def test_descriptors_do_not_grow_with_threads(queue: RunQueue) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    with threads(20):
        for _ in range(5):
            queue.read(thread_count())

    assert before + 1 == len([*Path("/proc/self/fd").iterdir()])


def test_a_kernel_that_does_not_count_gives_nothing(
    queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It then writes three zeros, which must not be taken for a measurement."""
    monkeypatch.setattr(os, "pread", lambda *_: b"0 0 0\n")

    assert queue.read(1) is None
