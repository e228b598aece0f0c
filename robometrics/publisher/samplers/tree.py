"""A process and all it started, as one: CPU time, memory, and how many they are.

Members are found from parent to child, once a second; once found, a process stays a
member until it ends, whoever adopts it. The CPU time is that of the living members'
clocks, of members that ended, and of children that came and went between two looks
(``tree_account``). It only grows, counts nothing twice, and is exact to 10 ms for each
living member once all have been waited for.

Not found is what was started twice removed and adopted by a process outside, all
between two looks.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterable

from robometrics.errors import ProcessGoneError
from robometrics.publisher.samplers.descent import ChildrenOf, children_of
from robometrics.publisher.samplers.proc_directory import opening_error
from robometrics.publisher.samplers.tree_account import growth, left_over
from robometrics.publisher.samplers.tree_member import Member

log = logging.getLogger(__name__)

MEMBERS_MAX = 256
"""Each holds a descriptor, and costs 1 µs at each tick. What is beyond is counted when
it ends, by its parent's account."""

_FULL = (errno.EMFILE, errno.ENFILE)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Tree = tuple[int, int, int]
"""``tree_cpu_time_ns``, ``tree_memory_rss_bytes``, ``tree_process_count``."""


class ProcessTree:
    """Sums over a process and its descendants.

    ``scan`` belongs into a thread beside the sampler's, which calls ``fast``.
    """

    def __init__(
        self, pid: int, start_ticks: int, find: ChildrenOf = children_of
    ) -> None:
        """Find the process *pid* that started at *start_ticks*, and its descendants.

        Raises:
            ProcessGoneError: There is no such process (any more).
            ProcessDeniedError: The worker's user may not read it.
            TooManyFilesError: No more files may be opened.
        """
        self._root_pid = pid
        self._find = find
        self._scanning = threading.Lock()
        self._lock = threading.Lock()
        """Guards members and sums; held for microseconds, never while finding."""

        self._ended_ns = 0
        """Of all that is no member any more, or never was."""

        self._highest_ns = 0
        self._is_full = False
        try:
            root = Member(pid, None)
        except OSError as exc:
            raise opening_error(pid, exc) from exc
        self._members = [root]
        if root.kin.start_ticks != start_ticks:
            self.close()
            raise ProcessGoneError(pid)
        self._ended_ns = root.kin.reaped_ns
        self.scan()  # now, or those that are there already would look like a burst

    def fast(self) -> Tree:
        """Return the sums as they are now; the CPU time never runs back."""
        with self._lock:
            cpu_ns = self._ended_ns
            pages = count = 0
            for member in self._members:
                if not member.is_gone:
                    try:
                        resident = member.read()
                    except OSError:
                        member.is_gone = True
                    else:
                        pages += resident
                        count += resident > 0
                cpu_ns += member.cpu_ns
            self._highest_ns = cpu_ns = max(cpu_ns, self._highest_ns)
        return cpu_ns, pages * _PAGE_BYTES, count

    def scan(self) -> None:
        """Find new members, and account for those that ended."""
        with self._scanning:
            self._settle()
            self._grow()

    def final(self) -> Tree:
        """Return the sums at the end of the process that all began with.

        They are complete while it is a zombie: then so is its account of children.
        """
        with self._scanning:
            self._settle()
            self._settle()  # what a member that just ended held up
        return self.fast()

    def close(self) -> None:
        with self._scanning, self._lock:
            while self._members:
                self._members.pop().close()

    def _settle(self) -> None:
        """Account for members that ended before this call.

        Parents' accounts are read after it is known who ended, so that they hold them.
        """
        gone: list[Member] = []
        there: dict[int, Member] = {}
        for member in self._members:
            member.is_running()
            if member.is_gone:
                gone.append(member)
            else:
                there[member.pid] = member
        kins = {member: kin for member in there.values() if (kin := member.read_kin())}
        for member, kin in kins.items():
            member.parent = there.get(kin.parent_pid)

        # A child that goes meanwhile may be in its parent's account already.
        waiting = _parents_in_doubt(there.values())
        charges: dict[Member | None, list[Member]] = {}
        for member in gone:
            charges.setdefault(member.parent, []).append(member)
        astray = [
            member
            for parent in charges.keys() - {None, *there.values()}
            for member in charges.pop(parent)
        ]
        if waiting and (astray or not waiting <= {None, *there.values()}):
            return
        accounts = {m: kin for m, kin in kins.items() if m not in waiting}
        adopted = charges.get(None, [])  # by a process outside
        settled = {*astray, *adopted}
        for member in accounts:
            settled.update(charges.get(member, []))
        with self._lock:
            self._ended_ns += sum(member.cpu_ns for member in adopted)
            unseen_ns = 0
            for member, kin in accounts.items():
                ended = [child.ended() for child in charges.get(member, [])]
                reaped_ns = kin.reaped_ns - member.kin.reaped_ns
                grown = growth(reaped_ns, member.debt_ns, ended)
                self._ended_ns += grown.known_ns
                unseen_ns += grown.unseen_ns
                member.debt_ns = grown.debt_ns
                member.kin = kin
            self._ended_ns += left_over(unseen_ns, [each.ended() for each in astray])
            self._members = [m for m in self._members if m not in settled]
            for member in settled:
                member.close()

    def _grow(self) -> None:
        """Find the children of members, their children, and so on."""
        parents = [member for member in self._members if member.is_running()]
        known = {member.pid for member in self._members if not member.is_gone}
        while parents:
            parent = parents.pop()
            children = self._find(parent.pid, parent.kin.thread_count)
            if not parent.is_running():
                continue  # they may be another process's of the same pid
            for pid in children:
                if pid in known:
                    continue
                if len(self._members) >= MEMBERS_MAX:
                    self._say_full(f"{MEMBERS_MAX} are measured")
                    return
                try:
                    member = Member(pid, parent)
                except OSError as exc:
                    if exc.errno in _FULL:
                        self._say_full("no more files may be opened")
                        return
                    continue  # it ended
                if member.kin.parent_pid != parent.pid or member.kin.has_ended:
                    member.close()  # what ended is in its parent's account, or will be
                    continue
                known.add(pid)
                parents.append(member)
                with self._lock:
                    self._members.append(member)
                    self._ended_ns += member.kin.reaped_ns

    def _say_full(self, why: str) -> None:
        if not self._is_full:
            pid = self._root_pid
            log.warning("the tree of %d: not all processes are measured: %s", pid, why)
        self._is_full = True


def _parents_in_doubt(members: Iterable[Member]) -> set[Member | None]:
    """Return the parents whose new account may hold a child that is still a member.

    The kernel marks a child as let go, charges it to its parent, and only then takes it
    away; between these the parent may lose its CPU. A zombie that nobody waited for is
    in nobody's account.
    """
    doubtful = set()
    for child in members:
        if not child.is_running():
            kin = child.read_kin()
            if kin is None or kin.is_let_go:
                doubtful.add(child.parent)
    return doubtful
