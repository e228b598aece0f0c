"""A target holds what its plan asks for, and gives all of it back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from robometrics import runtime
from robometrics.errors import ProcessGoneError, TooManyFilesError
from robometrics.publisher import watchlist
from robometrics.publisher.samplers.detail import Detail
from robometrics.publisher.samplers.threads import ThreadTimes
from robometrics.publisher.series import ProcessBuffer
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.requests import Plan
from robometrics.schema import NS_PER_SECOND

from .conftest import Spawn

EVERYTHING = Plan(
    tree=True, threads=True, memory_detail=True, open_files=True, cgroup=True
)


@pytest.fixture
def targets() -> Iterator[Watchlist]:
    opened = Watchlist("robot", 10)
    yield opened
    for target in opened.snapshot:
        opened.remove(target)


def registered(plan: Plan, pid: int | None = None) -> Registration:
    pid = os.getpid() if pid is None else pid
    ticks = runtime.start_ticks(pid) or 0
    return Registration(name="p", pid=pid, start_ticks=ticks, boot_id="b", plan=plan)


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_without_a_plan_nothing_beyond_the_usual_is_open(targets: Watchlist) -> None:
    target, _ = targets.add(registered(Plan()))

    assert target.detail is None
    assert target.tree is None


def test_all_descriptors_come_back(targets: Watchlist) -> None:
    before = descriptors()
    for _ in range(20):
        target, _ = targets.add(registered(EVERYTHING))
        assert target.detail is not None
        assert target.detail.read()
        assert target.tree is not None
        assert target.tree.fast()[2] >= 1
        target.reader.slow()
        targets.remove(target)

    assert before == descriptors()


def test_a_new_plan_opens_and_closes_what_it_changes(targets: Watchlist) -> None:
    before = descriptors()
    target, _ = targets.add(registered(Plan(tree=True)))
    tree = target.tree
    targets.add(registered(Plan(tree=True, threads=True)))
    assert target.tree is tree
    detail = target.detail
    targets.add(registered(Plan(threads=True, open_files=True)))

    assert target.tree is None
    assert target.detail is detail
    assert detail is not None
    assert "open_file_count" in detail.read()
    targets.remove(target)
    assert before == descriptors()


def test_what_cannot_be_opened_leaves_the_process_measured(
    targets: Watchlist,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(pid: int, _: int) -> None:
        raise TooManyFilesError(pid)

    monkeypatch.setattr(watchlist, "ProcessTree", refuse)
    target, is_new = targets.add(registered(EVERYTHING))

    assert is_new
    assert target.tree is None
    assert target.reader.fast()[0] > 0
    assert "too_many_open_files" in caplog.text


def test_closing_does_not_wait_for_a_reading_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop closes; another thread reads, for as long as that may take."""
    began, go_on = threading.Event(), threading.Event()

    def read(_: ThreadTimes) -> dict[str, int]:
        began.set()
        go_on.wait()
        return {}

    monkeypatch.setattr(ThreadTimes, "read", read)
    before = descriptors()
    ticks = runtime.start_ticks(os.getpid()) or 0
    detail = Detail(os.getpid(), ticks, Plan(threads=True))
    reading = threading.Thread(target=detail.read)
    reading.start()
    began.wait()
    detail.close()

    assert before + 1 == descriptors()
    go_on.set()
    reading.join()
    assert before == descriptors()
    with pytest.raises(ProcessGoneError):
        detail.read()


def test_the_last_reading_holds_children_shorter_than_a_tick(
    targets: Watchlist, spawn: Spawn
) -> None:
    """No scan and no tick saw one of them; their parent's account does."""
    child = spawn(
        "import os, sys, time\n"
        "sys.stdin.readline()\n"
        "for _ in range(50):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        while time.process_time() < 0.004: pass\n"
        "        os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
    )
    target: Target = targets.add(registered(Plan(tree=True), child.pid))[0]
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.close()
    child.stdin = None
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    own_ns = target.read_last()
    usage = os.wait4(child.pid, 0)[2]
    child.returncode = 0

    assert target.final_tree is not None
    assert own_ns is not None
    # With its children, as it waited for them.
    used = usage.ru_utime + usage.ru_stime
    assert used == pytest.approx(target.final_tree[0] / 1e9, abs=0.021)
    assert own_ns < target.final_tree[0] - 150_000_000


def test_the_first_sample_has_no_rate(targets: Watchlist) -> None:
    """Nothing is before it: what was used until then is no burst."""
    target, _ = targets.add(registered(Plan(tree=True)))
    assert target.tree is not None
    buffer = ProcessBuffer()
    buffer.add_fast(0, *target.reader.fast())
    tree_ns = target.tree.fast()[0]
    buffer.set_singles(target.reader.slow() | {"tree_cpu_time_ns": tree_ns})
    _, _, previous = buffer.take(5)
    assert previous is None
    buffer.add_fast(0, *target.reader.fast())
    _, _, previous = buffer.take(6)

    assert previous is not None
    assert previous.offset_ns == -NS_PER_SECOND
    assert tree_ns == previous.counters["tree_cpu_time_ns"]
