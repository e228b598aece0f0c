"""Whose descendant a process is, of those whose descendants are measured.

Taken down while its parent lives: an orphan is given to another parent, but keeps what
it descends from. Where a scan finds it an orphan already, the process group or session
tells that it got from an ancestor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from robometrics.publisher.discovery.stat import Stat

_LEADERS_MAX = 4_096


class Root(NamedTuple):
    """A process whose descendants are measured; a pid alone may come again."""

    pid: int
    start_ticks: int


class _Member(NamedTuple):
    start_ticks: int
    """Zero if it is not known yet."""

    parent: int
    root: Root | None = None
    leaders: tuple[int, ...] = ()
    """Of its group and its session, without itself."""


class Lineage:
    """Who descends from whom, as far as it matters."""

    def __init__(self) -> None:
        self._members: dict[int, _Member] = {}
        self._roots: frozenset[Root] = frozenset()
        self._leaders: dict[int, Root] = {}
        """Leaders of groups and sessions, dead ones as well, and what they are of."""

    def root_of(self, pid: int) -> Root | None:
        """Return the nearest process that *pid* descends from, of the roots there are.

        A root is its own descendant only if another root is above it.
        """
        member = self._members.get(pid)
        root = member.root if member else None
        return root if root in self._roots else None

    def set_roots(self, roots: Mapping[Root, object]) -> list[int]:
        """Say whose descendants matter; return the pids this has given a root."""
        if roots.keys() == self._roots:
            return []
        is_new = roots.keys() - self._roots
        self._roots = frozenset(roots)
        self._leaders = {
            pid: root for pid, root in self._leaders.items() if root in self._roots
        }
        if not is_new:
            return []
        self._leaders |= {root.pid: root for root in is_new}
        found = []
        for pid, member in self._members.items():
            kept = member.root if member.root in self._roots else None
            root = self._above(member) or kept or self._led(member)
            if root is not None and root != member.root:
                self._members[pid] = member._replace(root=root)
                found.append(pid)
        return found

    def forked(self, parent: int, child: int) -> None:
        above = self._members.get(parent)
        root = above and (self._itself(parent, above) or above.root)
        self._members[child] = _Member(0, parent, root)

    def appeared(self, pid: int, stat: Stat) -> None:
        """Take in a process that is looked at for the first time."""
        known = self._members.get(pid)
        if known is not None and not known.start_ticks:  # its fork was told
            member = known._replace(start_ticks=stat.start_ticks)
        else:
            leaders = tuple(each for each in (stat.group, stat.session) if each != pid)
            member = _Member(stat.start_ticks, stat.parent, leaders=leaders)
            member = member._replace(root=self._above(member) or self._led(member))
        self._members[pid] = member
        root = self._itself(pid, member) or member.root
        if root is None:
            self._leaders.pop(pid, None)  # the pid has come again
        elif pid in (stat.group, stat.session):
            self._lead(pid, root)

    def ended(self, pid: int) -> None:
        self._members.pop(pid, None)

    def _above(self, member: _Member) -> Root | None:
        """Return the nearest root, up the parents that live."""
        start_ticks = member.start_ticks
        while (above := self._members.get(member.parent)) is not None:
            if start_ticks and above.start_ticks > start_ticks:
                return None  # that pid has come again since
            if itself := self._itself(member.parent, above):
                return itself
            if above.root in self._roots:
                return above.root
            if above.parent == member.parent:
                return None
            member, start_ticks = above, above.start_ticks
        return None

    def _itself(self, pid: int, member: _Member) -> Root | None:
        root = Root(pid, member.start_ticks)
        return root if root in self._roots else None

    def _led(self, member: _Member) -> Root | None:
        for leader in member.leaders:
            root = self._leaders.get(leader)
            if root in self._roots:
                return root
        return None

    def _lead(self, pid: int, root: Root) -> None:
        if len(self._leaders) >= _LEADERS_MAX:
            del self._leaders[next(iter(self._leaders))]
        self._leaders[pid] = root
