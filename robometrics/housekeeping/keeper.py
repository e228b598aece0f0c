"""The housekeeper: one of many works, in steps, with pauses, and says how it is."""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress

import anyio
import msgspec

from robometrics.errors import RetryLaterError
from robometrics.housekeeping.jobs import DAMAGED, Job
from robometrics.housekeeping.pace import pause_seconds
from robometrics.service import wait_or_stop
from robometrics.store import Store
from robometrics.store.house import LEASE, HouseState

log = logging.getLogger(__name__)

ROUND_SECONDS = 60.0
FIRST_ROUND_SECONDS = 5.0
LEASE_SECONDS = 90.0
CLOCKS_APART_SECONDS = 3_600


class Housekeeper:
    """One of any number; a lease lets one at a time work, which saves work."""

    name = "housekeeping"

    def __init__(
        self,
        store: Store,
        jobs: Sequence[Job],
        *,
        round_seconds: float = ROUND_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.state = HouseState()
        self._store = store
        self._jobs = jobs
        self._round_seconds = round_seconds
        self._lease_seconds = lease_seconds
        self._lease = store.lease(LEASE)
        self._me = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._taken = 0.0
        self._taken_slot = 0
        self._next: dict[str, float] = {}
        self._damaged: dict[str, int] = {}
        self._is_prepared = False

    async def run(self, stop: anyio.Event) -> None:
        """Keep house until *stop*; the step under way is finished."""
        first = min(FIRST_ROUND_SECONDS, self._round_seconds)
        await wait_or_stop(stop, first * random.uniform(0.2, 1))  # noqa: S311
        while not stop.is_set():
            try:
                await self._round(stop)
            except RetryLaterError as exc:
                self._note(str(exc))
            jitter = random.uniform(0.9, 1.1)  # noqa: S311
            await wait_or_stop(stop, self._round_seconds * jitter)
        with suppress(RetryLaterError):
            await self._lease.give_up(self._me)

    async def _round(self, stop: anyio.Event) -> None:
        """Do what is due, if nobody else does.

        Raises:
            RetryLaterError: The database is away.
        """
        if not self._is_prepared:
            # It may be here before the broker is, and so before all others.
            await self._store.prepare()
            self._is_prepared = True
        if not await self._hold():
            self._note("")
            return
        failed = ""
        for job in self._jobs:
            began = time.monotonic()
            if began < self._next.get(job.name, began):
                continue
            try:
                if not await self._do(job, stop):
                    return
            except RetryLaterError:
                raise
            except Exception as exc:  # the others must not wait until it is mended
                log.exception("%s failed", job.name)
                failed = f"{job.name}: {exc!r}"
            self._next[job.name] = began + job.every_seconds
        if not failed:
            self.state.last_round_slot = self._now()
            self.state.backlog_seconds = 0.0
        self._note(failed)
        await self._tell()

    async def _do(self, job: Job, stop: anyio.Event) -> bool:
        """Do all that is due of *job*; return ``False`` if it was cut short."""
        damaged = 0
        began = time.monotonic()
        async with aclosing(job.work(self._now())) as steps:
            async for step in steps:
                worked_seconds = time.monotonic() - began
                lag_seconds = max(step.lag_seconds, 0.0)
                damaged += step.counts.get(DAMAGED, 0)
                self._count(job, step.counts)
                self.state.backlog_seconds = lag_seconds
                pause = pause_seconds(worked_seconds, lag_seconds)
                if await wait_or_stop(stop, pause) or not await self._hold():
                    return False
                began = time.monotonic()
        self._damaged[job.name] = damaged
        self.state.damaged_documents = sum(self._damaged.values())
        return True

    async def _hold(self) -> bool:
        """Take the lease, or have it for longer; return whether it is held."""
        renew_seconds = self._lease_seconds / 6
        if self.state.is_keeping and time.monotonic() < self._taken + renew_seconds:
            return True
        asked = time.monotonic()
        held = await self._lease.take(self._me, self._lease_seconds)
        self.state.holder = held.holder
        self.state.is_keeping = held.holder == self._me
        if not self.state.is_keeping:
            self.state.backlog_seconds = 0.0
            return False
        self._taken = asked
        self._taken_slot = int(held.now.timestamp())
        await self._tell()
        apart_seconds = abs(self._taken_slot - time.time())
        if apart_seconds > CLOCKS_APART_SECONDS:
            raise RetryLaterError(
                f"the clocks of this host and of MongoDB are {apart_seconds:.0f} s "
                "apart: nothing is deleted by a wrong clock; set them right"
            )
        return True

    def _now(self) -> int:
        """Return the slot by the clock of the database: all copies have that one."""
        return self._taken_slot + int(time.monotonic() - self._taken)

    def _count(self, job: Job, counts: Mapping[str, int]) -> None:
        for what, number in counts.items():
            key = f"{job.name}_{what}"
            self.state.done[key] = self.state.done.get(key, 0) + number

    async def _tell(self) -> None:
        await self._lease.tell(self._me, msgspec.to_builtins(self.state))

    def _note(self, problem: str) -> None:
        if problem and problem != self.state.problem:
            log.warning("%s: %s", self.name, problem)
        elif self.state.problem and not problem:
            log.info("%s: working again", self.name)
        self.state.problem = problem
