"""Who belongs to a tree, and what it holds for each of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import poll_until

from robometrics import runtime
from robometrics.errors import ProcessGoneError, TooManyFilesError
from robometrics.publisher.samplers import descent, tree, tree_member
from robometrics.publisher.samplers.descent import ChildrenByParent
from robometrics.publisher.samplers.tree import ProcessTree

from .conftest import Spawn
from .trees import TICKS, Root

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="not on this system"
)


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
