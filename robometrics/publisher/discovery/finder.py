"""The thread that looks for processes, and holds them against the rules."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from robometrics.publisher.discovery.allotment import CHILDREN
from robometrics.publisher.discovery.connector import Connector, ConnectorError
from robometrics.publisher.discovery.facts import ProcFacts
from robometrics.publisher.discovery.lineage import Root
from robometrics.publisher.discovery.matching import Match, Matcher, first_match
from robometrics.publisher.discovery.stat import ProcKernel
from robometrics.publisher.discovery.table import Process, Table
from robometrics.publisher.discovery.template import LATER_INSTANCE, clean
from robometrics.publisher.watchlist import Registration

log = logging.getLogger(__name__)

SCAN_SECONDS = 1.0
SETTLE_SECONDS = 0.2
GATHER_SECONDS = 0.1
"""How long the connector's events gather, so that a burst of them is one round."""

COMPLETE_SECONDS = 10.0
"""After which the connector's word is compared with a list, and what was refused is
tried again."""

END_SECONDS = 2.0
"""The most that the end of the worker waits for a round under way."""

CHILDREN_MAX = 50
"""Of one parent, measured at once."""

Roots = dict[Root, Registration]


class Found(NamedTuple):
    """A process that was looked at."""

    pid: int
    start_ticks: int
    match: Match | None


class Finder(threading.Thread):
    """Looks until it is stopped."""

    def __init__(
        self,
        matchers: Sequence[Matcher],
        *,
        parents: Callable[[], Iterable[Registration]],
        hand_over: Callable[[list[Found]], None],
        again: Callable[[], Iterable[tuple[int, int]]],
        use_connector: bool = True,
    ) -> None:
        """Prepare.

        Args:
            matchers: The rules; the first that matches counts.
            parents: Tells whose descendants are measured.
            hand_over: Takes each process that was looked at, match or not.
            again: Tells what to look at again, by pid and start time.
            use_connector: Whether to ask the kernel; else it is scanned.
        """
        super().__init__(name="discovery", daemon=True)
        self.cpu_time_ns = 0
        """Of this thread."""

        self.way = ""
        """``connector`` or ``scan``, once it is known."""

        self._matchers = matchers
        self._parents = parents
        self._hand_over = hand_over
        self._again = again
        self._use_connector = use_connector
        self._table = Table(ProcKernel(), own_pid=os.getpid())
        self._roots: Roots = {}
        self._connector: Connector | None = None
        self._complete_at = 0.0
        self._failed = False
        self._stopping, self._waker = socket.socketpair()
        self._poll = select.poll()

    def end(self) -> None:
        """Look no more; returns once the round under way is over.

        One that hangs is left behind: the kernel lets nobody read the command line of a
        process whose memory it cannot lock, be it for a server that does not answer.
        """
        self._waker.send(b"x")
        self.join(END_SECONDS)

    def run(self) -> None:
        self._poll.register(self._stopping, select.POLLIN)
        if self._use_connector:
            self._connect()
        self.way = "connector" if self._connector else "scan"
        try:
            while True:
                try:
                    self._round()
                except Exception:
                    # Whatever it is: samples are worth more than discovery.
                    if not self._failed:
                        log.exception("discovery failed; it goes on")
                    self._failed = True
                self.cpu_time_ns = time.thread_time_ns()
                if self._wait():
                    return
        finally:
            if self._connector is not None:
                self._connector.close()
            self._stopping.close()
            self._waker.close()

    def _connect(self) -> None:
        try:
            self._connector = Connector()
        except ConnectorError as exc:
            log.info("processes are found by a scan each second: %s", exc)
            return
        self._poll.register(self._connector, select.POLLIN)

    def _wait(self) -> bool:
        """Wait for the next round; return whether to stop."""
        seconds = SCAN_SECONDS if self._table.is_settled else SETTLE_SECONDS
        woken = {descriptor for descriptor, _ in self._poll.poll(seconds * 1_000)}
        if self._stopping.fileno() in woken:
            return True
        if woken:
            time.sleep(GATHER_SECONDS)
        return False

    def _round(self) -> None:
        now = time.monotonic()
        is_complete = now >= self._complete_at
        if self._connector is None:
            self._table.scan()
        else:
            self._listen(self._connector, is_complete=is_complete)
        found = self._look_again() if is_complete else []
        if is_complete:
            self._complete_at = now + COMPLETE_SECONDS
        self._roots = {
            Root(each.pid, each.start_ticks): each for each in self._parents()
        }
        self._table.make_due(self._table.lineage.set_roots(self._roots))
        found += [self._look_at(process) for process in self._table.take_due()]
        if found:
            self._hand_over(found)

    def _listen(self, connector: Connector, *, is_complete: bool) -> None:
        events = connector.read()
        if events is None:
            log.debug("the kernel dropped events; all processes are looked at")
            self._table.scan(everything=True)
            return
        for kind, pid, parent in events:
            if kind == "fork":
                self._table.forked(parent, pid)
            elif kind == "exec":
                self._table.execed(pid)
            elif kind == "exit":
                self._table.exited(pid)
        if is_complete:
            self._table.scan()

    def _look_again(self) -> list[Found]:
        """Have what was refused looked at again; return what of it is gone."""
        gone = []
        for pid, start_ticks in self._again():
            if self._table.get(pid, start_ticks):
                self._table.make_due([pid])
            else:
                gone.append(Found(pid, start_ticks, None))
        return gone

    def _look_at(self, process: Process) -> Found:
        pid, stat = process.pid, process.stat
        match = first_match(self._matchers, ProcFacts(pid, stat.comm))
        if match is None:
            root = self._table.lineage.root_of(pid)
            parent = None if root is None else self._roots.get(root)
            match = None if parent is None else child_of(parent, stat.comm)
        return Found(pid, stat.start_ticks, match)


def child_of(parent: Registration, comm: str) -> Match:
    """Return what a descendant of *parent* is to be measured as."""
    return Match(
        label=f"{CHILDREN}{parent.name}",
        name=f"{parent.name}.{clean(comm)}{LATER_INSTANCE}",
        tags=parent.tags,
        plan=msgspec.structs.replace(parent.plan, children=False, tree=False),
        max_processes=CHILDREN_MAX,
    )
