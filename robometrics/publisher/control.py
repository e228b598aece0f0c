"""Sampling intervals as somebody wants them while the worker runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from robometrics.errors import RegistrationRefusedError
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.watchlist import Target, Watchlist
from robometrics.requests import BurstRequest, IntervalRequest, Reply
from robometrics.schema import NS_PER_SECOND

log = logging.getLogger(__name__)

BURST_HZ_MAX = 10_000
"""Samples a second of all bursts together: what a worker can take on one core."""


class Control:
    """Changes intervals, for good or for a burst.

    A process's own interval is kept with its registration; a host's usual one, and a
    burst, end with the worker.
    """

    def __init__(
        self,
        host: str,
        watchlist: Watchlist,
        outbox: Outbox,
        now_ns: Callable[[], int],
    ) -> None:
        self._host = host
        self._watchlist = watchlist
        self._outbox = outbox
        self._now_ns = now_ns
        self._set_up_ns = watchlist.interval_ns
        self._bursts: dict[Target, asyncio.TimerHandle] = {}

    def change_interval(self, request: IntervalRequest) -> Reply:
        """Set the interval of one process, or the usual one.

        Raises:
            RegistrationRefusedError: The process is not measured here.
            OutboxError: The change cannot be kept; nothing is changed.
        """
        if request.process is None:
            self._watchlist.interval_ns = request.interval_ns or self._set_up_ns
            targets = list(self._watchlist)
        else:
            targets = self._targets(request.process)
            for target in targets:
                plan = msgspec.structs.replace(
                    target.registration.plan, interval_ns=request.interval_ns
                )
                changed = msgspec.structs.replace(target.registration, plan=plan)
                self._outbox.registrations.keep(changed)
                target.registration = changed
        for target in targets:
            self.to_its_plan(target)
        interval_ns = request.interval_ns or self._watchlist.interval_ns
        log.info("%s: every %d ns", request.process or "all", interval_ns)
        return Reply(accepted=True, host=self._host, interval_ns=interval_ns)

    def burst(self, request: BurstRequest) -> Reply:
        """Sample one process faster for a while; another burst of it takes its place.

        Raises:
            RegistrationRefusedError: The process is not measured here, is sampled as
                fast already, or the bursts together would be too many samples a second.
        """
        targets = self._targets(request.process)
        if all(each.interval_ns < request.interval_ns for each in targets):
            raise RegistrationRefusedError(
                f"{request.process} is sampled faster than that already"
            )
        others = [
            each for each in self._bursts if each not in targets and not each.closing
        ]
        hz = sum(NS_PER_SECOND / each.interval_ns for each in others)
        hz += len(targets) * NS_PER_SECOND / request.interval_ns
        if hz > BURST_HZ_MAX:
            raise RegistrationRefusedError(
                f"bursts of {hz:.0f} samples a second together; at most "
                f"{BURST_HZ_MAX} are taken: choose a lower rate, or wait for others"
            )
        loop = asyncio.get_running_loop()
        now_ns = self._now_ns()
        for target in targets:
            self._cancel(target)
            self._watchlist.set_interval(target, request.interval_ns)
            self._bursts[target] = loop.call_later(
                request.duration_ns / NS_PER_SECOND, self._end, target
            )
        log.info("%s: a burst, every %d ns", request.process, request.interval_ns)
        return Reply(
            accepted=True,
            host=self._host,
            run=targets[0].run,
            interval_ns=request.interval_ns,
            from_ns=now_ns,
            until_ns=now_ns + request.duration_ns,
        )

    def to_its_plan(self, target: Target) -> None:
        """Sample *target* as its registration has it, once no burst of it goes on."""
        if target not in self._bursts:
            self._watchlist.to_its_plan(target)

    def close(self) -> None:
        """End all bursts."""
        for target in list(self._bursts):
            self._cancel(target)

    def _targets(self, process: str) -> list[Target]:
        found = [each for each in self._watchlist if each.registration.name == process]
        if not found:
            raise RegistrationRefusedError(
                f"{process} is not measured on {self._host}; robometrics ps tells "
                "what is"
            )
        return found

    def _cancel(self, target: Target) -> None:
        handle = self._bursts.pop(target, None)
        if handle is not None:
            handle.cancel()

    def _end(self, target: Target) -> None:
        self._bursts.pop(target, None)
        self._watchlist.to_its_plan(target)
