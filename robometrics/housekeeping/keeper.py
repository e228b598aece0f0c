"""The housekeeper: one of many works, in steps, with pauses, and says how it is."""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress

import anyio
import msgspec

from robometrics.errors import RetryLaterError
from robometrics.housekeeping.jobs import DAMAGED, Job, Step
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
        self._turn = anyio.Lock()
        self._problems: dict[str, str] = {}
        self._damaged: dict[str, int] = {}
        self._lags: dict[str, float] = {}
        self._is_prepared = False

    async def run(self, stop: anyio.Event) -> None:
        """Keep house until *stop*; the step under way is finished."""
        first = min(FIRST_ROUND_SECONDS, self._round_seconds)
        await wait_or_stop(stop, first * random.uniform(0.2, 1))  # noqa: S311
        async with anyio.create_task_group() as tg:
            for job in self._jobs:
                tg.start_soon(self._keep_doing, job, stop)
        with suppress(RetryLaterError):
            await self._lease.give_up(self._me)

    async def _keep_doing(self, job: Job, stop: anyio.Event) -> None:
        while not stop.is_set():
            wait_seconds = self._round_seconds
            try:
                if await self._do(job, stop):
                    self.state.last_done[job.name] = self._now()
                    wait_seconds = max(wait_seconds, job.every_seconds)
            except RetryLaterError as exc:
                self._note(self.name, str(exc))
            except Exception as exc:  # the other jobs must not wait until it is mended
                log.exception("%s failed", job.name)
                self._note(job.name, f"{job.name}: {exc!r}")
            else:
                self._note(job.name, "")
            jitter = random.uniform(0.9, 1.1)  # noqa: S311
            await wait_or_stop(stop, wait_seconds * jitter)

    async def _do(self, job: Job, stop: anyio.Event) -> bool:
        """Do all that is due of *job*, unless somebody else does; tell if it is done.

        Jobs take turns, step by step: none waits for the end of another.

        Raises:
            RetryLaterError: The database is away.
        """
        async with self._turn:
            if not await self._hold():
                return False
        damaged = 0
        async with aclosing(job.work(self._now())) as steps:
            while True:
                async with self._turn:
                    began = time.monotonic()
                    if stop.is_set() or not await self._hold():
                        return False
                    try:
                        step = await anext(steps)
                    except StopAsyncIteration:
                        break
                    damaged += step.counts.get(DAMAGED, 0)
                    self._count(job, step)
                    self._note(self.name, "")
                    worked_seconds = time.monotonic() - began
                    pause = pause_seconds(worked_seconds, step.lag_seconds)
                    await wait_or_stop(stop, pause)
        self._damaged[job.name] = damaged
        self._lags[job.name] = 0.0
        self._sum_up()
        await self._tell()
        return True

    async def _hold(self) -> bool:
        """Take the lease, or have it for longer; return whether it is held."""
        if not self._is_prepared:
            # It may be here before the broker is, and so before all others.
            await self._store.prepare()
            self._is_prepared = True
        renew_seconds = self._lease_seconds / 6
        if self.state.is_keeping and time.monotonic() < self._taken + renew_seconds:
            return True
        asked = time.monotonic()
        held = await self._lease.take(self._me, self._lease_seconds)
        self.state.holder = held.holder
        self.state.is_keeping = held.holder == self._me
        if not self.state.is_keeping:
            self._note(self.name, "")
            self._lags.clear()
            self._sum_up()
            return False
        apart_seconds = abs(held.now.timestamp() - time.time())
        if apart_seconds > CLOCKS_APART_SECONDS:
            self.state.is_keeping = False
            raise RetryLaterError(
                f"the clocks of this host and of MongoDB are {apart_seconds:.0f} s "
                "apart: nothing is deleted by a wrong clock; set them right"
            )
        self._note(self.name, "")
        self._taken = asked
        self._taken_slot = int(held.now.timestamp())
        await self._tell()
        return True

    def _now(self) -> int:
        """Return the slot by the clock of the database: all copies have that one."""
        return self._taken_slot + int(time.monotonic() - self._taken)

    def _count(self, job: Job, step: Step) -> None:
        for what, number in step.counts.items():
            key = f"{job.name}_{what}"
            self.state.done[key] = self.state.done.get(key, 0) + number
        self._lags[job.name] = max(step.lag_seconds, 0.0)
        self._sum_up()

    def _sum_up(self) -> None:
        self.state.backlog_seconds = max(self._lags.values(), default=0.0)
        self.state.damaged_documents = sum(self._damaged.values())

    async def _tell(self) -> None:
        await self._lease.tell(self._me, msgspec.to_builtins(self.state))

    def _note(self, what: str, problem: str) -> None:
        """Note what is wrong with a job, or by the own name with the database."""
        known = self._problems.get(what, "")
        if problem and problem != known:
            log.warning("%s: %s", what, problem)
        elif known and not problem:
            log.info("%s: working again", what)
        self._problems[what] = problem
        self.state.problem = "; ".join(
            dict.fromkeys(each for each in self._problems.values() if each)
        )
