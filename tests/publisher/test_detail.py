"""What a plan asks for is read, each part alone, and never of another process."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import poll_until

from robometrics import runtime
from robometrics.errors import ProcessGoneError
from robometrics.metrics import describe, is_key
from robometrics.publisher.samplers import memory_detail, threads
from robometrics.publisher.samplers.detail import Detail, wants_detail
from robometrics.publisher.samplers.memory_detail import MemoryDetail, parse_rollup
from robometrics.publisher.samplers.open_files import OpenFiles
from robometrics.publisher.samplers.proc_directory import ProcDirectory
from robometrics.publisher.samplers.schedule import Schedule
from robometrics.publisher.samplers.threads import ThreadTimes
from robometrics.requests import Plan

from .conftest import Spawn

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="not on this system"
)
ALL = Plan(threads=True, memory_detail=True, open_files=True, cgroup=True)
NAMED = """
import ctypes, sys, threading
libc = ctypes.CDLL(None)
def work(name, end):
    libc.prctl(15, ctypes.c_char_p(name), 0, 0, 0)
    end.wait()
ends = []
def start(name):
    ends.append(threading.Event())
    threading.Thread(target=work, args=(name, ends[-1]), daemon=True).start()
"""


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def own() -> Iterator[ProcDirectory]:
    opened = ProcDirectory(os.getpid(), runtime.start_ticks(os.getpid()) or 0)
    yield opened
    opened.close()


@pytest.fixture
def detail(spawn: Spawn) -> Iterator[Callable[..., Any]]:
    opened = []

    def start(code: str, plan: Plan) -> tuple[Any, Detail]:
        child = spawn(code)
        opened.append(Detail(child.pid, runtime.start_ticks(child.pid) or 0, plan))
        return child, opened[-1]

    yield start
    for each in opened:
        each.close()


def test_every_key_is_in_the_catalogue(detail: Callable[..., Any]) -> None:
    _, found = detail("input()", ALL)
    values = found.read()

    assert {"memory_pss_bytes", "open_file_count"} <= values.keys()
    for key in values:
        assert is_key(key)
        assert "process" in describe(key).of


def test_only_what_is_asked_for_is_read(detail: Callable[..., Any]) -> None:
    _, found = detail("input()", Plan(open_files=True))

    assert ["open_file_count"] == [*found.read()]
    assert wants_detail(Plan(cgroup=True))
    assert not wants_detail(Plan(tree=True, children=True))


def test_a_process_that_went_is_gone_and_its_descriptor_given_back(
    detail: Callable[..., Any],
) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    child, found = detail("input()", ALL)
    found.read()
    child.kill()
    child.communicate()
    with pytest.raises(ProcessGoneError):
        found.read()
    found.close()

    assert before == len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(ProcessGoneError):
        Detail(child.pid, 1, ALL)
    with pytest.raises(ProcessGoneError):
        Detail(os.getpid(), 1, ALL)


def test_a_part_that_fails_says_so_once_and_stops_no_other(
    own: ProcDirectory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(MemoryDetail, "read", refuse)
    found = Detail(os.getpid(), runtime.start_ticks(os.getpid()) or 0, ALL)
    with caplog.at_level(logging.WARNING):
        values = [found.read(), found.read()]
    found.close()

    assert "open_file_count" in values[0]
    [said] = caplog.records
    assert "memory_detail is not measured" in said.getMessage()


def test_threads_of_one_name_are_one_sum(detail: Callable[..., Any]) -> None:
    child, found = detail(
        NAMED + "for _ in range(3): start(b'lidar')\nstart(b'a b/c')\ninput()",
        Plan(threads=True),
    )
    tasks = Path(f"/proc/{child.pid}/task")

    def names() -> list[str]:
        return sorted((task / "comm").read_text().strip() for task in tasks.iterdir())

    poll_until(lambda: names() == ["a b/c", "lidar", "lidar", "lidar", "python"])
    of_lidar = [
        int((task / "schedstat").read_text().split()[0])
        for task in tasks.iterdir()
        if (task / "comm").read_text() == "lidar\n"
    ]
    values = found.read()

    assert len(values) == 3
    assert "thread_cpu_time_ns:a=20b=2Fc" in values
    assert sum(of_lidar) <= values["thread_cpu_time_ns:lidar"]


def test_a_name_keeps_what_its_ended_threads_had(own: ProcDirectory) -> None:
    clock = Clock()
    times = ThreadTimes(own, clock=clock)
    end = threading.Event()
    burners = [threading.Thread(target=end.wait) for _ in range(3)]
    for burner in burners:
        burner.start()
    before = times.read()
    end.set()
    for burner in burners:
        burner.join()
    after = times.read()

    assert before.keys() <= after.keys()
    assert all(after[key] >= value for key, value in before.items())


def test_a_thread_that_takes_a_new_name_counts_there_from_then_on(
    own: ProcDirectory,
) -> None:
    clock = Clock()
    times = ThreadTimes(own, clock=clock)
    comm = Path("/proc/thread-self/comm")
    number = int(comm.parent.resolve().name)
    old = comm.read_text().strip()
    times.read()
    before = times.read()
    try:
        comm.write_text("renamed")
        assert "thread_cpu_time_ns:renamed" not in times.read()
        clock.now += threads.NAME_SECONDS
        after = times.read()
    finally:
        comm.write_text(old)

    assert number == os.getpid()
    assert all(after[key] >= value for key, value in before.items())
    assert "thread_cpu_time_ns:renamed" in after


def test_names_are_bounded_and_never_too_long(detail: Callable[..., Any]) -> None:
    code = NAMED + (
        "for number in range(80): start(b'n%d' % number)\n"
        "start(b'\\xff' * 15)\nstart(b'')\nprint(flush=True)\ninput()"
    )
    child, found = detail(code, Plan(threads=True))
    child.stdout.readline()
    poll_until(lambda: len(found.read()) == threads.NAMES_MAX + 1)
    keys = found.read()

    assert "thread_cpu_time_ns:=28others=29" in keys
    assert all(map(is_key, keys))


def test_a_name_that_is_not_text_becomes_text(own: ProcDirectory) -> None:
    comm = Path("/proc/thread-self/comm")
    old = comm.read_text()
    try:
        comm.write_bytes(b"\xff" * 15)
        [*named] = ThreadTimes(own).read()
        comm.write_bytes(b"\0")
        [*unnamed] = ThreadTimes(own).read()
    finally:
        comm.write_text(old)

    assert "thread_cpu_time_ns:" + "=5Cxff" * 15 in named
    assert "thread_cpu_time_ns:=28unnamed=29" in unnamed


def test_of_too_many_threads_nothing_is_told(
    own: ProcDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "THREADS_MAX", 0)

    assert {} == ThreadTimes(own).read()


def test_a_kernel_that_does_not_count_threads_says_so_instead_of_zero(
    own: ProcDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProcDirectory, "read", lambda *_: b"0 0 0\n")
    with pytest.raises(OSError, match="keeps no schedstat"):
        ThreadTimes(own).read()


def test_memory_agrees_with_psutil(spawn: Spawn) -> None:
    child = spawn("block = bytearray(20 << 20)\nprint(flush=True)\ninput()")
    assert child.stdout is not None
    child.stdout.readline()
    directory = ProcDirectory(child.pid, runtime.start_ticks(child.pid) or 0)
    values = MemoryDetail(directory).read()
    expected = psutil.Process(child.pid).memory_full_info()
    directory.close()

    assert expected.uss == pytest.approx(values["memory_uss_bytes"], rel=0.01)
    assert expected.pss == pytest.approx(values["memory_pss_bytes"], rel=0.05)
    assert values["memory_swap_bytes"] == expected.swap


def test_huge_pages_of_its_own_are_its_own() -> None:
    rollup = b"""55d0-7ffd ---p 00000000 00:00 0 [rollup]
Rss:                 100 kB
Pss:                  60 kB
Private_Clean:         1 kB
Private_Dirty:         2 kB
Private_Hugetlb:       4 kB
Swap:                  8 kB
"""

    assert parse_rollup(rollup) == {
        "memory_pss_bytes": 60 * 1024,
        "memory_uss_bytes": 7 * 1024,
        "memory_swap_bytes": 8 * 1024,
    }


def test_memory_is_read_at_once_and_then_twice_a_minute(own: ProcDirectory) -> None:
    clock = Clock()
    memory = MemoryDetail(own, clock=clock)
    assert memory.read()
    clock.now = 29.9
    assert {} == memory.read()
    clock.now = 30
    assert memory.read()


def test_a_process_too_big_is_not_held_up_and_that_is_said_once(
    own: ProcDirectory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(memory_detail, "parse_rollup", None)
    clock = Clock()
    memory = MemoryDetail(own, rss_max_bytes=1, clock=clock)

    assert {None} == {*memory.read().values()}
    assert {} == memory.read()
    clock.now = 30
    assert {None} == {*memory.read().values()}
    assert 1 == len(caplog.records)


def test_what_takes_long_is_read_less_often() -> None:
    schedule = Schedule(30)
    schedule.done(now=100, took_seconds=0.010)
    assert schedule.is_due(130)
    schedule.done(now=130, took_seconds=4.5)
    assert not schedule.is_due(130 + 8_999)
    assert schedule.is_due(130 + 9_000)


@pytest.mark.parametrize("is_old_kernel", [False, True])
def test_open_files_are_counted_every_ten_seconds(
    own: ProcDirectory, monkeypatch: pytest.MonkeyPatch, is_old_kernel: bool
) -> None:
    if is_old_kernel:
        monkeypatch.setattr(ProcDirectory, "size", lambda *_: 0)
    clock = Clock()
    files = OpenFiles(own, clock=clock)
    count = files.read()["open_file_count"]
    before = len([*Path("/proc/self/fd").iterdir()])
    with Path("/dev/null").open("rb"):
        clock.now = 9.9
        assert {} == files.read()
        clock.now = 10
        assert count + 1 == files.read()["open_file_count"]

    assert abs(count - before) <= 1  # a listing has itself in it
