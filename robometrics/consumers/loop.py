"""The loop every consumer runs: fetch, store, and only then acknowledge."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Protocol

import anyio

from robometrics.broker import Delivery, Link, Puller, ack_all
from robometrics.consumers.intake import Intake, dead_letter, read_all
from robometrics.consumers.quarantine import Quarantine, is_suspect
from robometrics.errors import RetryLaterError
from robometrics.service import collect_seldom, wait_or_stop
from robometrics.store import Store

log = logging.getLogger(__name__)

Absorb = Callable[[Intake], Awaitable[dict[Delivery, str]]]
"""Stores an intake; returns what the database will never take, with the reason."""


class Settle(Protocol):
    """Writes what is noted and waits: what waited long enough, or everything."""

    async def __call__(self, *, everything: bool = False) -> None: ...


async def _nothing_waits(*, everything: bool = False) -> None:
    del everything


LANES = 2
"""Fetches under way at once: one is decoded while the other waits for the disk."""

_LINGER_FETCHES = 10
RETRY_SECONDS = 1.0
FIRST_DELAY_SECONDS = 0.25
LAST_DELAY_SECONDS = 5.0
REMIND_SECONDS = 10.0  # the durables wait 30 s for an acknowledgement


class ConsumerLoop:
    """One copy of one consumer."""

    optional = False
    """Whether the server does its work without it."""

    def __init__(
        self,
        name: str,
        link: Link,
        store: Store,
        absorb: Absorb,
        *,
        fetch_batches: int,
        linger_seconds: float = 0.0,
        lanes: int = LANES,
        settle: Settle = _nothing_waits,
    ) -> None:
        self.name = name
        self.absorbed = 0
        """Messages stored and acknowledged so far."""

        self.discarded = 0
        """Messages put among the dead letters so far."""

        self.problem = ""
        """What the consumer waits for at the moment; empty while it works."""

        self._pullers = [Puller(link, name) for _ in range(lanes)]
        self._trying = anyio.Lock()
        self._store = store
        self._absorb = absorb
        self._fetch_batches = fetch_batches
        self._linger_seconds = linger_seconds
        self._settle = settle

    async def run(self, stop: anyio.Event) -> None:
        """Consume until *stop*; what was fetched by then is finished."""
        collect_seldom()
        async with anyio.create_task_group() as tg:
            for puller in self._pullers:
                tg.start_soon(self._consume, puller, stop)
        with contextlib.suppress(RetryLaterError):
            await self._settle(everything=True)

    async def _consume(self, puller: Puller, stop: anyio.Event) -> None:
        while not stop.is_set():
            try:
                deliveries = await self._fetch(puller, stop)
                if not deliveries:
                    await self._settle()
            except RetryLaterError as exc:
                self._note(str(exc))
                await wait_or_stop(stop, RETRY_SECONDS)
                continue
            if deliveries:
                await self._finish(puller, deliveries, stop)
            else:
                self._note("")

    async def _finish(
        self, puller: Puller, deliveries: Sequence[Delivery], stop: anyio.Event
    ) -> None:
        """Take *deliveries* in, however long it takes; hand back the rest at *stop*.

        Nothing is handed back only because the database is away: how often a message
        was delivered then tells how many consumers died with it.
        """
        suspects = [each for each in deliveries if is_suspect(each)]
        others = [each for each in deliveries if not is_suspect(each)]
        quarantine = Quarantine(puller, self._store.trials, suspects)
        steps: list[Callable[[], Awaitable[None]]] = []
        if others:
            steps.append(partial(self._take_in, others))
        if suspects:
            steps.append(partial(self._try_alone, quarantine))
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._remind, deliveries)
            for step in steps:
                if not await self._keep_trying(step, stop):
                    await _hand_back(deliveries)
                    break
            tg.cancel_scope.cancel()

    async def _try_alone(self, quarantine: Quarantine) -> None:
        """Try suspects while no other lane does: one that dies must be the only one."""
        async with self._trying:
            await quarantine.take_in(self._take_in)

    async def _keep_trying(
        self, step: Callable[[], Awaitable[None]], stop: anyio.Event
    ) -> bool:
        """Return whether *step* was done; if not, it is time to stop."""
        delay_seconds = FIRST_DELAY_SECONDS
        while True:
            try:
                await step()
            except RetryLaterError as exc:
                self._note(str(exc))
            else:
                self._note("")
                return True
            # Shorter for some: consumers that wait for one database must not return
            # to it in step.
            if await wait_or_stop(stop, delay_seconds * random.uniform(0.5, 1)):  # noqa: S311
                return False
            delay_seconds = min(2 * delay_seconds, LAST_DELAY_SECONDS)

    async def _remind(self, deliveries: Sequence[Delivery]) -> None:
        """Keep the broker from giving *deliveries* to others meanwhile."""
        while True:
            await anyio.sleep(REMIND_SECONDS)
            with contextlib.suppress(RetryLaterError):
                for delivery in deliveries:
                    await delivery.in_progress()

    async def _fetch(self, puller: Puller, stop: anyio.Event) -> list[Delivery]:
        """Fetch once; while lingering, gather more so that groups get larger."""
        deliveries = await puller.fetch(self._fetch_batches)
        until = anyio.current_time() + self._linger_seconds
        while (
            deliveries
            and len(deliveries) < self._fetch_batches * _LINGER_FETCHES
            and anyio.current_time() < until
            and not stop.is_set()
        ):
            try:
                deliveries += await puller.fetch(self._fetch_batches)
            except RetryLaterError:
                break  # what is here can be stored all the same
        return deliveries

    async def _take_in(
        self,
        deliveries: Sequence[Delivery],
        hopeless: Mapping[Delivery, str] = MappingProxyType({}),
    ) -> None:
        """Store and acknowledge *deliveries*; do not even read the *hopeless*.

        Raises:
            RetryLaterError: Some may not be stored; take them in again.
        """
        deliveries = [each for each in deliveries if not each.is_done]
        intake = read_all(each for each in deliveries if each not in hopeless)
        refused = {**hopeless, **intake.unreadable}
        try:
            refused |= await self._absorb(intake)
        except RetryLaterError:
            raise
        except Exception as exc:
            if len(deliveries) > 1:
                # One of them is poison: alone it can be told from the others.
                log.exception("%s: trying %d one by one", self.name, len(deliveries))
                for delivery in deliveries:
                    await self._take_in([delivery])
                return
            log.exception("%s: cannot take in %s", self.name, deliveries[0].subject)
            refused = {deliveries[0]: f"{type(exc).__name__}: {exc}"}

        await self._store.dead_letters.insert(
            [dead_letter(self.name, *entry) for entry in refused.items()]
        )
        # They are stored. A lost answer means that one comes again, and finds itself.
        with contextlib.suppress(RetryLaterError):
            ack_all([each for each in deliveries if each not in refused])
        for delivery, reason in refused.items():
            log.warning("%s: discarded %r: %s", self.name, delivery.subject, reason)
            with contextlib.suppress(RetryLaterError):
                await delivery.term()
        self.discarded += len(refused)
        self.absorbed += len(deliveries) - len(refused)

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("%s: %s", self.name, problem)
        elif self.problem and not problem:
            log.info("%s: working again", self.name)
        self.problem = problem


async def _hand_back(deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        with contextlib.suppress(RetryLaterError):  # then ack_wait hands it back
            await delivery.retry()
