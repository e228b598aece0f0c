"""A tree's CPU time is what the kernel charged to all of it, whoever came and went."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import poll_until

from robometrics.publisher.samplers import descent, tree_member
from robometrics.publisher.samplers.descent import Kin

from .trees import TICKS, Root

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="not on this system"
)


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
    os.kill(found.children()[0], signal.SIGKILL)
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
    children = found.children()
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
