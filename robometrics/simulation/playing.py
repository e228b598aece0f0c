"""Play a fleet: second by second, as its workers would, for as long as asked."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import anyio

from robometrics.simulation.fleet import Fleet, Message
from robometrics.simulation.sending import Sender

GROUPS_PER_SECOND = 20
"""Parts of the fleet that send one after the other, each a moment after the last."""


class Play:
    """One fleet, while it sends.

    Each method may be cancelled: what was due by then goes first with the next one.
    """

    def __init__(self, fleet: Fleet, sender: Sender, *, spread_seconds: float) -> None:
        """Prepare.

        Args:
            fleet: Who sends.
            sender: By whom.
            spread_seconds: Over how much of each second the hosts are spread; 0: all
                send as soon as it is over.
        """
        self.began = float("inf")
        """When the first second was over, by the monotonic clock."""

        self._fleet = fleet
        self._sender = sender
        self._spread_seconds = spread_seconds
        self._due = float("inf")
        self._queued: deque[Message] = deque()

    @property
    def behind_seconds(self) -> float:
        """How late the part of the fleet is that sends now, or waits for its turn."""
        return max(0.0, time.monotonic() - self._due)

    @property
    def unsent(self) -> int:
        """Messages that were due when it was cancelled."""
        return len(self._queued)

    async def register(self, stop: anyio.Event) -> None:
        """Have all workers start, and their processes register."""
        for number in self._fleet.hosts:
            if stop.is_set():
                return
            await self._send(self._fleet.started(number), time.monotonic())

    async def run(self, seconds: float, stop: anyio.Event) -> None:
        """Send each second after it is over, from the one that begins next.

        Who is behind goes on without pauses: nothing is left out, it only comes late.
        It ends between two seconds of the fleet, so maybe long after its time.
        """
        self._fleet.begin(int(time.time()) + 1)
        origin = time.monotonic() + self._fleet.first_slot - time.time()
        groups = _groups(self._fleet.hosts, GROUPS_PER_SECOND)
        self.began = origin + 1
        second = 1
        while second == 1 or not (
            stop.is_set() or time.monotonic() > self.began + seconds
        ):
            for place, group in enumerate(groups):
                spread_seconds = self._spread_seconds * place / len(groups)
                self._due = origin + second + spread_seconds
                await asyncio.sleep(max(0.0, self._due - time.monotonic()))
                await self._send(self._fleet.second(group), self._due)
            second += 1
        self._due = float("inf")

    async def stop(self) -> None:
        """Have all workers say goodbye."""
        await self._send([], time.monotonic())
        for number in self._fleet.hosts:
            await self._send(self._fleet.stopped(number), time.monotonic())

    async def _send(self, messages: Sequence[Message], due: float) -> None:
        self._queued.extend(messages)
        while self._queued:
            await self._sender.send(self._queued[0], due)
            self._queued.popleft()


def _groups(hosts: Sequence[int], count: int) -> list[Sequence[int]]:
    """Return *hosts* in *count* parts as alike as can be, none of them empty."""
    count = min(count, len(hosts))
    ends = [len(hosts) * place // count for place in range(count + 1)]
    return [hosts[ends[place] : ends[place + 1]] for place in range(count)]
