"""A tree's CPU time is what the kernel charged to all of it, whoever came and went."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from waiting import poll_until

from robometrics import runtime
from robometrics.errors import ProcessGoneError, TooManyFilesError
from robometrics.publisher.samplers import descent, tree, tree_member
from robometrics.publisher.samplers.descent import (
    ChildrenByParent,
    ChildrenOf,
    Kin,
)
from robometrics.publisher.samplers.tree import ProcessTree

from .conftest import Spawn

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="not on this system"
)

PRELUDE = """
import json, os, resource, signal, sys, time

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def fork(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid

def say(*words):
    os.write(1, json.dumps(words).encode() + b"\\n")  # whole, whoever else writes

def used():
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)

def hear():
    sys.stdin.readline()

os.setpgid(0, 0)
hear()
"""
TICKS = 0.03
"""Two ticks for the root's account, one for what it does after it told its usage."""


class Root:
    """A process under way, and its tree."""

    def __init__(
        self, child: subprocess.Popen[bytes], find: ChildrenOf = descent.children_of
    ) -> None:
        self.child = child
        start_ticks = runtime.start_ticks(child.pid) or 0
        self.tree = ProcessTree(child.pid, start_ticks, find)
        self.seen: list[int] = []

    def go_on(self) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(b"\n")
        self.child.stdin.flush()

    def hear(self) -> list[float]:
        assert self.child.stdout is not None
        return list(json.loads(self.child.stdout.readline()))

    def look(self) -> int:
        """Scan, read, and note the number of members."""
        self.tree.scan()
        self.seen.append(self.tree.fast()[0])
        return self.tree.fast()[2]

    def seconds(self) -> float:
        self.look()
        return self.seen[-1] / 1e9

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look all the time, with the sampler's readings in between."""
        stop = threading.Event()

        def sample() -> None:
            while not stop.is_set():
                readings.append(self.tree.fast()[0])

        def scan() -> None:
            while not stop.is_set():
                self.tree.scan()

        readings: list[int] = []
        both = [threading.Thread(target=target) for target in (sample, scan)]
        for thread in both:
            thread.start()
        yield
        stop.set()
        for thread in both:
            thread.join()
        assert readings == sorted(readings)


@pytest.fixture
def root(spawn: Spawn) -> Iterator[Callable[..., Root]]:
    opened = []

    def start(code: str, **more: ChildrenOf) -> Root:
        opened.append(Root(spawn(PRELUDE + code), **more))
        return opened[-1]

    yield start
    for each in opened:
        each.tree.scan()
        for member in each.tree._members:
            if member.is_running():
                os.kill(member.pid, signal.SIGKILL)
        each.tree.close()
        with suppress(ProcessLookupError):
            os.killpg(each.child.pid, signal.SIGKILL)


def test_children_that_nobody_saw_are_counted(root: Callable[..., Root]) -> None:
    found = root("""
for _ in range(8):
    os.waitpid(fork(lambda: burn(0.03)), 0)
say(used()); hear()""")
    found.go_on()
    [used] = found.hear()

    assert used == pytest.approx(found.seconds(), abs=TICKS)
    assert used > 0.24


def test_children_shorter_than_a_tick_are_counted(root: Callable[..., Root]) -> None:
    """Each would be cut off to nothing alone; the kernel sums them in ns."""
    found = root("""
for _ in range(60):
    os.waitpid(fork(lambda: burn(0.004)), 0)
say(used()); hear()""")
    found.go_on()
    [used] = found.hear()

    assert used == pytest.approx(found.seconds(), abs=TICKS)


def test_children_that_were_seen_are_not_counted_twice(
    root: Callable[..., Root],
) -> None:
    found = root("""
for _ in range(6):
    os.waitpid(fork(lambda: burn(0.07)), 0)
say(used()); hear()""")
    with found.looking():
        found.go_on()
        [used] = found.hear()

    assert used == pytest.approx(found.seconds(), abs=TICKS)


def test_grandchildren_and_their_parents_are_counted_once(
    root: Callable[..., Root],
) -> None:
    found = root("""
def parent():
    children = [fork(lambda: burn(0.05)) for _ in range(3)]
    burn(0.03)
    for child in children:
        os.waitpid(child, 0)
    burn(0.03)
for _ in range(3):
    os.waitpid(fork(parent), 0)
say(used()); hear()""")
    with found.looking():
        found.go_on()
        [used] = found.hear()

    assert used == pytest.approx(found.seconds(), abs=TICKS)
    assert used > 0.6


def test_a_child_that_is_long_in_being_let_go_is_counted_once(
    root: Callable[..., Root], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent may lose its CPU between charging a child and letting it go."""
    found = root("""
child = fork(lambda: (burn(0.2), say(os.getpid(), used()), hear()))
hear()
os.waitpid(child, 0)
say(used()); hear()""")
    found.go_on()
    child, used_by_child = found.hear()
    assert found.look() == 2
    os.kill(int(child), signal.SIGKILL)
    poll_until(lambda: found.look() == 1)
    before = found.seconds()

    def being_let_go(pid: int) -> Kin | None:
        kin = descent.read_kin(pid)
        if kin is not None and pid == child:
            return kin._replace(is_let_go=True)
        if kin is not None and pid == found.child.pid:
            reaped_ns = kin.reaped_ns + int(used_by_child * 1e9)
            return kin._replace(reaped_ns=reaped_ns)
        return kin

    with monkeypatch.context() as patch:
        patch.setattr(tree_member, "read_kin", being_let_go)
        assert [before] * 3 == [
            pytest.approx(found.seconds(), abs=TICKS) for _ in range(3)
        ]
    found.go_on()
    [used] = found.hear()

    assert used == pytest.approx(found.seconds(), abs=TICKS)


def test_what_is_taken_away_while_it_is_read_has_no_account() -> None:
    """Its parent and its children's time read 0 then, as if it were somebody else's."""
    stat = b"7 (sh) X 5 7 7 0 -1 0 0 0 0 0 1 2 30 40 20 0 1 0 99 0 0"
    kin = descent.parse_kin(stat)

    assert kin is not None
    assert kin.is_let_go
    assert (5, 99) == (kin.parent_pid, kin.start_ticks)
    assert kin.reaped_ns == 70 * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    assert descent.parse_kin(stat.replace(b"20 0 1 0", b"20 0 0 0")) is None


def test_a_zombie_that_stays_holds_up_nothing(root: Callable[..., Root]) -> None:
    found = root("""
zombie = fork(lambda: burn(0.05))
os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
os.waitpid(fork(lambda: burn(0.3)), 0)
say(used()); hear()""")
    with found.looking():
        found.go_on()
        [used] = found.hear()

    assert used < found.seconds()  # the zombie is in nobody's account yet
    assert used + 0.05 == pytest.approx(found.seconds(), abs=2 * TICKS)


def test_a_fork_storm_is_counted_exactly(root: Callable[..., Root]) -> None:
    found = root("""
for _ in range(25):
    for child in [fork(lambda: burn(0.002)) for _ in range(20)]:
        os.waitpid(child, 0)
say(used()); hear()""")
    with found.looking():
        found.go_on()
        [used] = found.hear()

    assert used == pytest.approx(found.seconds(), abs=TICKS)
    assert found.look() == 1


def test_an_orphan_stays_a_member_and_is_counted_to_its_end(
    root: Callable[..., Root],
) -> None:
    """A double fork: init adopts the grandchild, and no account of ours gets it."""
    found = root("""
def orphan():
    os.setsid()
    burn(0.1)
    say(os.getpid(), time.process_time())
    hear()
    burn(0.1)
    say(os.getpid(), time.process_time())
    hear()
middle = fork(lambda: (fork(orphan), hear()))
os.waitpid(middle, 0)
say(used())
time.sleep(1000)""")
    found.go_on()
    orphan, _ = found.hear()
    assert found.look() == 3
    os.kill(_children(found.child.pid)[0], signal.SIGKILL)
    [used] = found.hear()
    poll_until(lambda: found.look() == 2)
    found.go_on()
    _, used_by_orphan = found.hear()

    assert used + used_by_orphan == pytest.approx(found.seconds(), abs=TICKS)
    os.kill(int(orphan), signal.SIGKILL)
    poll_until(lambda: found.look() == 1)
    assert used + used_by_orphan == pytest.approx(found.seconds(), abs=TICKS)


def test_a_parent_that_ignores_its_children_loses_no_more_than_their_last_moments(
    root: Callable[..., Root],
) -> None:
    """With SIGCHLD ignored the kernel charges them to nobody."""
    found = root("""
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
child = fork(lambda: (burn(0.2), say(used()), hear()))
try:
    os.waitpid(child, 0)
except ChildProcessError:
    pass
say(used()); hear()""")
    found.go_on()
    [used_by_child] = found.hear()
    assert found.look() == 2
    found.go_on()
    [used] = found.hear()

    assert used < used_by_child
    assert used + used_by_child == pytest.approx(found.seconds(), abs=TICKS)


def test_a_whole_tree_that_dies_at_once_keeps_what_it_used(
    root: Callable[..., Root],
) -> None:
    found = root("""
children = [fork(lambda: (burn(0.1), say(used()), time.sleep(1000))) for _ in range(2)]
time.sleep(1000)""")
    found.go_on()
    used = found.hear()[0] + found.hear()[0]
    assert found.look() == 3
    before = found.seconds()
    children = _children(found.child.pid)
    for pid in [found.child.pid, *children]:
        os.kill(pid, signal.SIGKILL)
    found.child.wait()
    poll_until(lambda: found.look() == 0)

    assert before >= used
    assert before == pytest.approx(found.seconds(), abs=TICKS)


def test_the_last_reading_of_a_zombie_is_complete(root: Callable[..., Root]) -> None:
    found = root("""
for _ in range(4):
    os.waitpid(fork(lambda: burn(0.03)), 0)
burn(0.05)""")
    found.go_on()
    os.waitid(os.P_PID, found.child.pid, os.WEXITED | os.WNOWAIT)
    last, memory, count = found.tree.final()
    usage = os.wait4(found.child.pid, 0)[2]
    found.child.returncode = 0

    assert (0, 0) == (memory, count)
    assert usage.ru_utime + usage.ru_stime == pytest.approx(last / 1e9, abs=0.021)
    found.look()
    assert last <= found.tree.fast()[0]


def test_what_was_there_before_is_in_the_first_reading(
    root: Callable[..., Root],
) -> None:
    """Found later it would look like a burst."""
    found = root("fork(lambda: (burn(0.2), say(0), time.sleep(1000)))\nhear()")
    found.go_on()
    found.hear()
    late = Root(found.child)

    assert late.tree.fast()[0] > 200_000_000
    assert late.tree.fast()[2] == 2
    late.tree.close()


def test_memory_is_that_of_all_members(root: Callable[..., Root]) -> None:
    found = root("""
def work():
    block = bytearray(50 << 20)
    say(len(block)); hear()
fork(work)
hear()""")
    before = found.tree.fast()[1]
    found.go_on()
    [size] = found.hear()
    found.look()

    assert before + size <= found.tree.fast()[1]


def test_without_the_kernels_lists_the_same_are_found(
    root: Callable[..., Root], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descent, "_FRESH_SECONDS", 0)
    found = root(
        """
fork(lambda: (fork(lambda: (say(0), time.sleep(1000))), time.sleep(1000)))
time.sleep(1000)""",
        find=ChildrenByParent(),
    )
    found.go_on()
    found.hear()

    assert found.look() == 3


def test_children_of_other_threads_are_found(root: Callable[..., Root]) -> None:
    """The kernel lists children by the thread that started them."""
    found = root("""
import subprocess, threading
def work():
    child = subprocess.Popen(["sleep", "1000"])
    say(child.pid)
    child.wait()
threading.Thread(target=work, daemon=True).start()
hear()""")
    found.go_on()
    [child] = found.hear()
    found.look()

    poll_until(lambda: found.look() == 2)
    os.kill(int(child), signal.SIGKILL)


def test_beyond_the_limit_children_count_when_they_end(
    root: Callable[..., Root],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(tree, "MEMBERS_MAX", 2)
    found = root("""
children = [fork(lambda: (burn(0.05), say(0), time.sleep(1000))) for _ in range(4)]
hear()
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
say(used()); hear()""")
    found.go_on()
    for _ in range(4):
        found.hear()
    assert found.look() == 2
    assert found.look() == 2
    found.go_on()
    [used] = found.hear()

    assert used == pytest.approx(found.seconds(), abs=TICKS)
    [warning] = caplog.records
    assert "not all processes are measured" in warning.getMessage()


def test_without_descriptors_it_goes_on_with_those_it_has(
    root: Callable[..., Root], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = root("fork(lambda: (say(0), time.sleep(1000)))\nhear()")
    found.go_on()
    found.hear()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(tree_member.os, "open", refuse)
        assert found.look() == 1
        with pytest.raises(TooManyFilesError):
            Root(found.child)
    assert found.look() == 2


def test_descriptors_are_given_back(root: Callable[..., Root]) -> None:
    found = root("""
for _ in range(3):
    child = fork(lambda: (say(0), time.sleep(1000)))
    hear()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
say(1); hear()""")
    before = len([*Path("/proc/self/fd").iterdir()])
    found.go_on()
    for _ in range(3):
        found.hear()
        assert found.look() == 2
        found.go_on()
    found.hear()

    assert found.look() == 1
    assert before == len([*Path("/proc/self/fd").iterdir()])


def test_a_member_whose_pid_another_process_got_is_not_that_one(
    root: Callable[..., Root], spawn: Spawn
) -> None:
    """Forced by telling the kernel which pid was the last; others may come between."""
    last_pid = Path("/proc/sys/kernel/ns_last_pid")
    found = root("""
while True:
    child = fork(lambda: time.sleep(1000))
    say(child); hear()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    say(0); hear()""")
    stranger = None
    for _ in range(50):
        found.go_on()
        [pid] = found.hear()
        assert found.look() == 2
        os.kill(int(pid), signal.SIGKILL)
        found.go_on()
        found.hear()
        try:
            last_pid.write_text(str(int(pid) - 1))
        except OSError:
            pytest.skip("only root may choose a pid")
        stranger = spawn("while True: pass")
        if stranger.pid == int(pid):
            break
        stranger.kill()
    assert stranger is not None
    if stranger.pid != int(pid):
        pytest.skip("somebody else got the pid each time")
    before = found.tree.fast()
    burnt = Path(f"/proc/{stranger.pid}/schedstat")
    poll_until(lambda: int(burnt.read_text().split()[0]) > 300_000_000)

    assert before[2] == found.look() == 1
    assert found.tree.fast()[0] < before[0] + 200_000_000


def test_the_wrong_start_time_is_another_process() -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(ProcessGoneError):
        ProcessTree(os.getpid(), (runtime.start_ticks(os.getpid()) or 0) + 1)
    with pytest.raises(ProcessGoneError):
        ProcessTree(2**22 - 1, 1)
    assert before == len([*Path("/proc/self/fd").iterdir()])


def _children(pid: int) -> list[int]:
    return descent.children_by_thread(pid, 1)
