"""The processes of the host, and which of them are due to be looked at.

A process is due once it has execed, or is a fifth of a second old: before that it may
be the copy that its parent makes to exec something else in. One that execs again is
due again. It is told of both by the connector, or finds out by scanning:

* Which pids are new shows a list of ``/proc``; that is read only if the kernel has
  given out a pid since.
* Whether one execed shows its ``stat``: of those younger than three seconds at each
  scan, of all others within ten.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import msgspec

from robometrics.publisher.discovery.lineage import Lineage
from robometrics.publisher.discovery.stat import Kernel, Stat

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SETTLE_TICKS = _TICKS_PER_SECOND // 5
YOUNG_TICKS = 3 * _TICKS_PER_SECOND
RELIST_TICKS = 10 * _TICKS_PER_SECOND
RELOOK_SCANS = 10


class Process(msgspec.Struct, eq=False):
    """One process that was there when last looked for."""

    pid: int
    stat: Stat


class Table:
    """All processes. Only one thread may use it."""

    def __init__(self, kernel: Kernel, *, own_pid: int) -> None:
        self.lineage = Lineage()
        self._kernel = kernel
        self._own_pid = own_pid
        self._known: dict[int, Process] = {}
        self._forked: dict[int, int] = {}
        """Children not looked at yet, and when they began."""

        self._unsettled: dict[int, Process] = {}
        self._young: dict[int, Process] = {}
        self._due: dict[int, Process] = {}
        self._last_pid = -1
        self._listed_ticks = 0
        self._relook: Iterator[int] = iter(())

    def __len__(self) -> int:
        return len(self._known)

    @property
    def is_settled(self) -> bool:
        """No process is only waiting for its age."""
        return not self._unsettled and not self._forked

    def get(self, pid: int, start_ticks: int) -> Process | None:
        found = self._known.get(pid)
        if found is None or found.stat.start_ticks != start_ticks:
            return None
        return found

    def make_due(self, pids: Iterable[int]) -> None:
        """Have those of *pids* that are there looked at once more."""
        for pid in pids:
            process = self._known.get(pid)
            if process is not None and process.stat.is_program and pid != self._own_pid:
                self._due[pid] = process

    def forked(self, parent: int, child: int) -> None:
        """Take in that *parent* has made the process *child*."""
        self._forget(child)
        self._forked[child] = self._kernel.now_ticks()
        self.lineage.forked(parent, child)

    def execed(self, pid: int) -> None:
        """Take in that *pid* runs another program now."""
        self._forked.pop(pid, None)
        stat = self._kernel.stat(pid)
        if stat is None:
            self._forget(pid)
        else:
            self._take_in(pid, stat, is_exec=True)

    def exited(self, pid: int) -> None:
        """Take in that *pid* has ended."""
        self._forget(pid)
        self._forked.pop(pid, None)

    def scan(self, *, everything: bool = False) -> None:
        """Find out what has changed.

        Args:
            everything: Look at each process, as what was told may be incomplete.
        """
        now_ticks, last_pid = self._kernel.now_ticks(), self._kernel.last_pid()
        began_anew = last_pid < self._last_pid
        looked: set[int] = set()
        is_old = now_ticks - self._listed_ticks >= RELIST_TICKS
        if everything or is_old or last_pid != self._last_pid:
            self._last_pid, self._listed_ticks = last_pid, now_ticks
            looked = self._list()
        if everything or began_anew:
            again = list(self._known)
        else:
            again = [*self._young, *self._next(len(self._known) // RELOOK_SCANS + 1)]
        for pid in again:
            if pid not in looked:
                self._look(pid)
        for pid, process in list(self._young.items()):
            if now_ticks - process.stat.start_ticks >= YOUNG_TICKS:
                del self._young[pid]

    def take_due(self) -> list[Process]:
        """Return what is to be looked at, each once."""
        now_ticks = self._kernel.now_ticks()
        for pid, began_ticks in list(self._forked.items()):
            if now_ticks - began_ticks >= SETTLE_TICKS:
                del self._forked[pid]
                self._look(pid)
        for pid, process in list(self._unsettled.items()):
            if now_ticks - process.stat.start_ticks >= SETTLE_TICKS:
                del self._unsettled[pid]
                self._due[pid] = process
        due, self._due = list(self._due.values()), {}
        return due

    def _list(self) -> set[int]:
        """Take in new pids and forget old ones; return those just looked at."""
        pids = set(self._kernel.pids())
        for pid in self._known.keys() - pids:
            self._forget(pid)
        new = pids - self._known.keys() - self._forked.keys()
        # Parents first, whose line their children continue.
        for pid in sorted(new):
            self._look(pid)
        return new

    def _look(self, pid: int) -> None:
        stat = self._kernel.stat(pid)
        known = self._known.get(pid)
        if stat is None:
            self._forget(pid)
        elif known is None or known.stat.start_ticks != stat.start_ticks:
            self._take_in(pid, stat, is_exec=False)
        elif known.stat.image != stat.image:
            self._take_in(pid, stat, is_exec=True)

    def _take_in(self, pid: int, stat: Stat, *, is_exec: bool) -> None:
        known = self.get(pid, stat.start_ticks)
        if known is None:
            self._forget(pid, with_line=False)
            known = Process(pid, stat)
            self._known[pid] = known
            self.lineage.appeared(pid, stat)
        else:
            known.stat = stat
        if not stat.is_program or pid == self._own_pid:
            return
        age_ticks = self._kernel.now_ticks() - stat.start_ticks
        if age_ticks < YOUNG_TICKS:
            self._young[pid] = known
        if is_exec or age_ticks >= SETTLE_TICKS:
            self._unsettled.pop(pid, None)
            self._due[pid] = known
        else:
            self._unsettled[pid] = known

    def _forget(self, pid: int, *, with_line: bool = True) -> None:
        for group in (self._known, self._unsettled, self._young, self._due):
            group.pop(pid, None)
        if with_line:
            self.lineage.ended(pid)

    def _next(self, count: int) -> Iterator[int]:
        """Return some of the pids, each once before any comes again."""
        for _ in range(count):
            pid = next(self._relook, None)
            if pid is None:
                self._relook = iter(list(self._known))
                return
            if pid in self._known:
                yield pid
