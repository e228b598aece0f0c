"""abandoned: what the broker gave up delivering becomes a dead letter too.

A backstop: consumers set poison aside long before. It runs beside ``persist``.
"""

from __future__ import annotations

import logging

import anyio

from robometrics.broker import Advisories, Delivery, Link, decode_advisory
from robometrics.errors import DiscardMessageError, RetryLaterError
from robometrics.service import wait_or_stop
from robometrics.store import DeadLetter, Store

log = logging.getLogger(__name__)

NAME = "abandoned"
FETCH_ADVISORIES = 10
RETRY_SECONDS = 1.0


class Abandoned:
    """One copy of it; any number share the advisories."""

    optional = False

    def __init__(self, link: Link, store: Store) -> None:
        self.name = NAME
        self.problem = ""
        self.absorbed = 0
        """Advisories about messages that had gone."""

        self.discarded = 0
        """Messages put among the dead letters so far."""

        self._advisories = Advisories(link)
        self._store = store

    async def run(self, stop: anyio.Event) -> None:
        """Settle advisories until *stop*."""
        while not stop.is_set():
            try:
                for delivery in await self._advisories.fetch(FETCH_ADVISORIES):
                    await self._settle(delivery)
                self.problem = ""
            except RetryLaterError as exc:
                # Advisories may come as often as they like: unlike the messages that
                # they are about, they are never given up.
                self.problem = str(exc)
                await wait_or_stop(stop, RETRY_SECONDS)

    async def _settle(self, delivery: Delivery) -> None:
        """Keep the message, then let it go from the stream, then forget the advisory.

        Dying between any two of them does one of them twice, which changes nothing.
        """
        try:
            given_up = decode_advisory(delivery.data)
        except DiscardMessageError as exc:
            log.warning("not an advisory of ours on %r: %s", delivery.subject, exc)
            await delivery.term()
            return
        message = await self._advisories.read(given_up.stream_seq)
        if message is None:
            self.absorbed += 1
        else:
            letter = DeadLetter(
                stream_sequence=given_up.stream_seq,
                consumer=given_up.consumer,
                subject=message.subject,
                reason=f"the broker gave it up after {given_up.deliveries} deliveries",
                data=message.data,
            )
            await self._store.dead_letters.insert([letter])
            await self._advisories.acknowledge_for(given_up)
            log.warning("%s: %r: %s", letter.consumer, letter.subject, letter.reason)
            self.discarded += 1
        await delivery.ack()
