"""Who started whom, by ``/proc``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from robometrics import runtime
from robometrics.publisher.samplers.proc_directory import read_whole

_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_FRESH_SECONDS = 0.5

ChildrenOf = Callable[[int, int], list[int]]
"""Returns the children of a process, given its pid and its number of threads."""


class Kin(NamedTuple):
    """What ``/proc/PID/stat`` tells of a process's place among others (see proc(5))."""

    has_ended: bool
    parent_pid: int
    reaped_ns: int
    """CPU time of children it waited for, and of theirs; cut off to ticks, twice."""

    thread_count: int
    start_ticks: int
    is_let_go: bool = False
    """Whether it has been waited for: its parent's account may hold it already."""


def read_kin(pid: int) -> Kin | None:
    """Return it as it is now, or ``None`` if there is no such process."""
    try:
        stat = read_whole(f"/proc/{pid}/stat")
    except OSError:
        return None
    return parse_kin(stat)


def parse_kin(stat: bytes) -> Kin | None:
    """Return it; ``None`` of a process that is taken away while it is read.

    That has no threads any more, no parent, and no account.
    """
    fields = runtime.stat_fields(stat)
    if fields[17] == b"0":
        return None
    return Kin(
        has_ended=fields[0] in (b"Z", b"X"),
        parent_pid=int(fields[1]),
        reaped_ns=(int(fields[13]) + int(fields[14])) * _NS_PER_TICK,
        thread_count=int(fields[17]),
        start_ticks=int(fields[19]),
        is_let_go=fields[0] == b"X",
    )


def children_by_thread(pid: int, thread_count: int) -> list[int]:
    """Return the children of *pid* from the kernel's list for each of its threads.

    A child that starts or ends meanwhile may hide another one, see
    proc_tid_children(5): the next call has it.
    """
    threads = [str(pid)]
    if thread_count > 1:
        try:
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208  a tenth of the cost
        except OSError:
            return []
    found = b""
    for thread in threads:
        with suppress(OSError):
            found += read_whole(f"/proc/{pid}/task/{thread}/children") + b" "
    return [int(child) for child in found.split()]


class ChildrenByParent:
    """Finds children where the kernel keeps no lists: by the parent of everybody.

    One look at all processes serves all trees for half a second.
    """

    def __init__(self) -> None:
        self._children: Mapping[int, list[int]] = {}
        self._read_at = float("-inf")

    def __call__(self, pid: int, thread_count: int) -> list[int]:
        del thread_count
        now = time.monotonic()
        if now - self._read_at > _FRESH_SECONDS:
            self._children = _everybody()
            self._read_at = now
        return self._children.get(pid, [])


def _everybody() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid in _pids():
        kin = read_kin(pid)
        if kin is not None:
            children.setdefault(kin.parent_pid, []).append(pid)
    return children


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):  # noqa: PTH208  a tenth of the cost
        if name.isdigit():
            yield int(name)


children_of: ChildrenOf = (
    children_by_thread
    if Path("/proc/thread-self/children").exists()  # CONFIG_PROC_CHILDREN
    else ChildrenByParent()
)
