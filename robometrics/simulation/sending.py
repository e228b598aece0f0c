"""Publish as workers do: acknowledged, bounded, and again what was refused."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import partial

from robometrics.broker import AckedPublisher
from robometrics.simulation.fleet import Message
from robometrics.simulation.latencies import Latencies

LATE_SECONDS = 1.0
"""A batch is late that is not sent so long after its second was over."""

_RETRY_SECONDS = 0.5
_SETTLED_POLL_SECONDS = 0.01
_YIELD_MESSAGES = 32  # acknowledgements are read in between


class Counts:
    """What became of messages."""

    def __init__(self) -> None:
        self.sent = 0
        """Messages, each once."""

        self.acknowledged = 0
        self.late = 0
        self.refused = 0
        """Times the stream, or the lack of it, made a message be sent again."""

        self.waited_seconds = 0.0
        """For room among the messages in flight."""

        self.problem = ""
        """Why a message was refused last."""

        self.latencies = Latencies()
        """From sending to the acknowledgement."""

        self.latest = Latencies()
        """The same, of late; whoever reads it begins another."""

    @property
    def outstanding(self) -> int:
        """Sent, and not acknowledged."""
        return self.sent - self.acknowledged

    def take_latest(self) -> Latencies:
        """Return the latencies since this was last asked."""
        latest, self.latest = self.latest, Latencies()
        return latest


class Sender:
    """Publishes messages in order, and holds no more than may be in flight."""

    def __init__(self, publisher: AckedPublisher) -> None:
        self.counts = Counts()
        self._publisher = publisher
        self._refused: deque[tuple[Message, Counts]] = deque()
        self._outstanding = 0  # also of counts that were handed out
        self._since_yield = 0

    def count_anew(self) -> Counts:
        """Return the counts so far, and begin others, for what is sent from now on."""
        counts, self.counts = self.counts, Counts()
        return counts

    async def send(self, message: Message, due: float) -> None:
        """Send *message*, which was *due* then, by the monotonic clock.

        As long as others are refused it waits: they go first.
        """
        while self._refused:
            await asyncio.sleep(_RETRY_SECONDS)
            await self._send_again()
        await self._room()
        self.counts.sent += 1
        self._outstanding += 1
        self.counts.late += self._publish(message, self.counts) > due + LATE_SECONDS

    async def settled(self, within_seconds: float) -> bool:
        """Wait until all is acknowledged, *within_seconds*; return whether it is."""
        until = time.monotonic() + within_seconds
        while self._outstanding:
            if time.monotonic() > until:
                return False
            if self._refused:
                await asyncio.sleep(_RETRY_SECONDS)
                await self._send_again()
            await asyncio.sleep(_SETTLED_POLL_SECONDS)
        return True

    async def _send_again(self) -> None:
        for _ in range(len(self._refused)):
            await self._room()
            self._publish(*self._refused.popleft())

    async def _room(self) -> None:
        self._since_yield += 1
        if self._since_yield >= _YIELD_MESSAGES:
            self._since_yield = 0
            await asyncio.sleep(0)
        if self._publisher.in_flight >= self._publisher.max_in_flight:
            began = time.monotonic()
            await self._publisher.room()
            self.counts.waited_seconds += time.monotonic() - began

    def _publish(self, message: Message, counts: Counts) -> float:
        """Publish; return when."""
        now = time.monotonic()
        future = self._publisher.publish_now(
            message.subject, message.data, message_id=message.message_id
        )
        future.add_done_callback(partial(self._settle, message, counts, now))
        return now

    def _settle(
        self, message: Message, counts: Counts, began: float, done: asyncio.Future[bool]
    ) -> None:
        if done.cancelled():
            return
        if problem := done.exception():
            counts.refused += 1
            counts.problem = str(problem)
            self._refused.append((message, counts))
            return
        took = time.monotonic() - began
        counts.acknowledged += 1
        self._outstanding -= 1
        counts.latencies.add(took)
        counts.latest.add(took)
