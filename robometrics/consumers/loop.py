"""The loop every consumer runs: fetch, store, and only then acknowledge."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import anyio

from robometrics.broker import Delivery, Link, Puller
from robometrics.consumers.intake import Intake, dead_letter, read_all
from robometrics.errors import RetryLaterError
from robometrics.service import wait_or_stop
from robometrics.store import Store

log = logging.getLogger(__name__)

Absorb = Callable[[Intake], Awaitable[dict[Delivery, str]]]
"""Stores an intake; returns what the database will never take, with the reason."""

RETRY_SECONDS = 1.0


class ConsumerLoop:
    """One copy of one consumer."""

    def __init__(
        self,
        name: str,
        link: Link,
        store: Store,
        absorb: Absorb,
        *,
        fetch_batches: int,
        linger_seconds: float = 0.0,
    ) -> None:
        self.name = name
        self.absorbed = 0
        """Messages stored and acknowledged so far."""

        self.discarded = 0
        """Messages put among the dead letters so far."""

        self.problem = ""
        """What the consumer waits for at the moment; empty while it works."""

        self._puller = Puller(link, name)
        self._store = store
        self._absorb = absorb
        self._fetch_batches = fetch_batches
        self._linger_seconds = linger_seconds

    async def run(self, stop: anyio.Event) -> None:
        """Consume until *stop*; what was fetched by then is finished."""
        while not stop.is_set():
            deliveries: list[Delivery] = []
            try:
                deliveries = await self._fetch(stop)
                if deliveries:
                    await self._take_in(deliveries)
                self._note("")
            except RetryLaterError as exc:
                self._note(str(exc))
                await self._hand_back(deliveries)
                await wait_or_stop(stop, RETRY_SECONDS)

    async def _fetch(self, stop: anyio.Event) -> list[Delivery]:
        """Fetch once; while lingering, gather more so that groups get larger."""
        deliveries = await self._puller.fetch(self._fetch_batches)
        until = anyio.current_time() + self._linger_seconds
        while (
            deliveries
            and len(deliveries) < self._fetch_batches * 20
            and anyio.current_time() < until
            and not stop.is_set()
        ):
            try:
                deliveries += await self._puller.fetch(self._fetch_batches)
            except RetryLaterError:
                break  # what is here can be stored all the same
        return deliveries

    async def _take_in(self, deliveries: Sequence[Delivery]) -> None:
        intake = read_all(deliveries)
        refused = dict(intake.unreadable)
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
        for delivery in deliveries:
            if delivery in refused:
                log.warning(
                    "%s: discarded %s: %s",
                    self.name,
                    delivery.subject,
                    refused[delivery],
                )
                await delivery.term()
            else:
                await delivery.ack()
        self.discarded += len(refused)
        self.absorbed += len(deliveries) - len(refused)

    async def _hand_back(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            try:
                await delivery.retry()
            except RetryLaterError:
                continue  # acknowledged already, or delivered again after ack_wait

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("%s: %s", self.name, problem)
        elif self.problem and not problem:
            log.info("%s: working again", self.name)
        self.problem = problem
