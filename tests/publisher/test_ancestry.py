"""Who a process descends from is told by identities, which no pid is."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from robometrics import runtime
from robometrics.publisher import ancestry
from robometrics.publisher.ancestry import ancestors
from robometrics.publisher.samplers.descent import Kin
from robometrics.publisher.watchlist import Registration, run_id
from robometrics.schema import ANCESTORS_MAX

from .conftest import Spawn

BOOT = "ab12-cd34"
GRANDPARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
input()
"""


def run_of(pid: int) -> str:
    return run_id(BOOT, pid, runtime.start_ticks(pid) or 0)


def of(pid: int, start_ticks: int | None = None) -> list[str]:
    ticks = runtime.start_ticks(pid) if start_ticks is None else start_ticks
    return ancestors(
        Registration(name="p", pid=pid, start_ticks=ticks or 0, boot_id=BOOT)
    )


def test_the_nearest_comes_first_and_the_first_of_all_last(spawn: Spawn) -> None:
    parent = spawn(GRANDPARENT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    found = of(child)

    assert [run_of(parent.pid), run_of(os.getpid())] == found[:2]
    assert of(os.getpid()) == found[2:]
    assert run_of(1) == found[-1]


def test_of_another_process_with_the_pid_nothing_is_told(spawn: Spawn) -> None:
    child = spawn("input()")
    ticks = runtime.start_ticks(child.pid) or 0
    assert of(child.pid, ticks)
    assert [] == of(child.pid, ticks - 1)


def test_of_a_process_that_is_gone_nothing_is_told(spawn: Spawn) -> None:
    child = spawn("pass")
    ticks = runtime.start_ticks(child.pid) or 0
    child.communicate()
    assert [] == of(child.pid, ticks)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, Kin]], None]:
    """Replace what ``/proc`` tells."""

    def replace(kins: dict[int, Kin]) -> None:
        monkeypatch.setattr(ancestry, "read_kin", kins.get)

    return replace


def kin(parent_pid: int, start_ticks: int) -> Kin:
    return Kin(False, parent_pid, 0, 1, start_ticks)


def test_a_parent_that_is_younger_is_another_process(
    kernel: Callable[[dict[int, Kin]], None],
) -> None:
    """The parent ended while it was looked for, and its pid was given out again."""
    kernel({10: kin(9, 500), 9: kin(1, 501), 1: kin(0, 0)})
    assert [] == of(10, 500)
    kernel({10: kin(9, 500), 9: kin(1, 500), 1: kin(0, 0)})
    assert ["ab12cd34-9-500", "ab12cd34-1-0"] == of(10, 500)


def test_a_chain_without_an_end_is_cut(
    kernel: Callable[[dict[int, Kin]], None],
) -> None:
    kernel({pid: kin(pid - 1, pid) for pid in range(1, 100)} | {0: kin(0, 0)})
    assert ANCESTORS_MAX == len(of(99, 99))
