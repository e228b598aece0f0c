"""Has the processes registered that rules find, and the children that were asked for.

What a process says of itself counts more: one that is registered is left alone, and one
that registers after it was found is measured by its own registration from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from robometrics import runtime
from robometrics.errors import OutboxError, ProcessGoneError, RegistrationRefusedError
from robometrics.publisher.discovery.allotment import Allotment, is_still
from robometrics.publisher.discovery.finder import Finder, Found
from robometrics.publisher.discovery.matching import Match, Matcher
from robometrics.publisher.runs import Runs
from robometrics.publisher.watchlist import Registration, Target, Watchlist

log = logging.getLogger(__name__)

NEEDED_SECONDS = 1.0
AT_ONCE = 20
"""Registered without a pause; the event loop has other things to do as well."""

Key = tuple[int, int]
"""Pid and start time."""


class Discovery:
    """Begins once there are rules or children to look for; else it costs nothing."""

    def __init__(
        self,
        matchers: Sequence[Matcher],
        watchlist: Watchlist,
        runs: Runs,
        *,
        use_connector: bool = True,
    ) -> None:
        self._matchers = matchers
        self._watchlist = watchlist
        self._runs = runs
        self._use_connector = use_connector
        self._finder: Finder | None = None
        self._refused: set[Key] = set()
        """What matched and could not be registered; replaced as a whole."""

        self._refused_total = 0
        self._told: set[str] = set()
        self._found: asyncio.Queue[list[Found]] = asyncio.Queue()

    async def run(self) -> None:
        """Look for processes until cancelled."""
        try:
            while not self._is_needed():
                await asyncio.sleep(NEEDED_SECONDS)
            self._start()
            while True:
                await self._take(await self._found.get())
        finally:
            self.stop()

    def stop(self) -> None:
        """Find no more."""
        if self._finder is not None and self._finder.is_alive():
            self._finder.end()

    def read(self) -> dict[str, int]:
        """Return metrics of the discovery; none while it is off."""
        if self._finder is None:
            return {}
        return {
            "discovery_process_count": sum(
                bool(target.registration.rule) for target in self._watchlist
            ),
            "discovery_refused_total": self._refused_total,
            "discovery_cpu_time_ns": self._finder.cpu_time_ns,
        }

    def _is_needed(self) -> bool:
        return bool(self._matchers) or any(
            target.registration.plan.children or target.registration.rule
            for target in self._watchlist
        )

    def _start(self) -> None:
        loop = asyncio.get_running_loop()

        def hand_over(found: list[Found]) -> None:
            loop.call_soon_threadsafe(self._found.put_nowait, found)

        self._finder = Finder(
            self._matchers,
            parents=self._parents,
            hand_over=hand_over,
            again=lambda: self._refused,
            use_connector=self._use_connector,
        )
        self._finder.start()

    def _parents(self) -> Iterable[Registration]:
        return [
            target.registration
            for target in self._watchlist
            if target.registration.plan.children
        ]

    async def _take(self, found: list[Found]) -> None:
        for at in range(0, len(found), AT_ONCE):
            self._register_all(found[at : at + AT_ONCE])
            await asyncio.sleep(0)

    def _register_all(self, found: list[Found]) -> None:
        measured: dict[Key, list[Target]] = {}
        allotment = Allotment()
        for target in self._watchlist:
            registration = target.registration
            key = registration.pid, registration.start_ticks
            measured.setdefault(key, []).append(target)
            allotment.add(registration.rule, registration.name)
        refused = set(self._refused)
        for pid, start_ticks, match in found:
            key = pid, start_ticks
            if (
                self._is_settled(measured.get(key, []), match, allotment)
                or match is None
                or self._register(key, match, allotment)
            ):
                refused.discard(key)
            elif key not in refused:
                self._refused_total += 1
                refused.add(key)
        self._refused = refused

    def _is_settled(
        self, targets: list[Target], match: Match | None, allotment: Allotment
    ) -> bool:
        """Let go what a process is measured as and is not any more, if it is."""
        for target in targets:
            label, name = target.registration.rule, target.registration.name
            if not label or is_still(match, label, name):
                return True
            allotment.remove(label, name)
            self._runs.release(target)
        return False

    def _register(self, key: Key, match: Match, allotment: Allotment) -> bool:
        """Have a process registered; return whether that is settled."""
        name = allotment.allot(match)
        if name is None:
            self._tell_once(
                match.label,
                f"{match.max_processes} processes are measured by the rule "
                f"{match.label!r}; raise its max_processes for more",
            )
            return False
        registration = Registration(
            name=name,
            pid=key[0],
            start_ticks=key[1],
            boot_id=runtime.boot_id(),
            tags=match.tags,
            plan=match.plan,
            rule=match.label,
        )
        try:
            self._runs.admit(registration)
        except (RegistrationRefusedError, OutboxError) as exc:
            allotment.remove(match.label, name)
            if isinstance(exc.__cause__, ProcessGoneError):
                return True
            self._tell_once(exc.code, str(exc))
            return False
        return True

    def _tell_once(self, what: str, problem: str) -> None:
        if what not in self._told:
            self._told.add(what)
            log.warning("discovered processes are not measured: %s", problem)
