"""Play a fleet: second by second, as its workers would, for as long as asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import anyio

from robometrics.simulation.fleet import Fleet
from robometrics.simulation.sending import Sender

GROUPS_PER_SECOND = 20
"""Parts of the fleet that send one after the other, each a moment after the last."""

OVERTIME_SECONDS = 30.0
"""By how much a second that was begun may outlast the time that was asked for."""


class Play:
    """One fleet, while it sends."""

    def __init__(self, fleet: Fleet, sender: Sender, *, spread_seconds: float) -> None:
        """Prepare.

        Args:
            fleet: Who sends.
            sender: By whom.
            spread_seconds: Over how much of each second the hosts are spread; 0: all
                send as soon as it is over.
        """
        self._fleet = fleet
        self._sender = sender
        self._spread_seconds = spread_seconds
        self._due = float("inf")

    @property
    def behind_seconds(self) -> float:
        """How late the part of the fleet is that sends now, or waits for its turn."""
        return max(0.0, time.monotonic() - self._due)

    async def register(self, stop: anyio.Event) -> None:
        """Have all workers start, and their processes register."""
        for number in self._fleet.hosts:
            if stop.is_set():
                return
            now = time.monotonic()
            for message in self._fleet.started(number):
                await self._sender.send(message, now)

    async def run(self, seconds: float, stop: anyio.Event) -> float:
        """Send each second after it is over, from the one that begins next.

        Who is behind goes on without pauses: nothing is left out, it only comes late.
        It ends between two seconds of the fleet, or long after its time in one.

        Returns:
            How long it took, in seconds.
        """
        self._fleet.begin(int(time.time()) + 1)
        origin = time.monotonic() + self._fleet.first_slot - time.time()
        groups = _groups(self._fleet.hosts, GROUPS_PER_SECOND)
        began = origin + 1
        ends, second = began + seconds, 1
        while not stop.is_set() and (second == 1 or time.monotonic() < ends):
            for place, group in enumerate(groups):
                self._due = origin + second + self._spread_seconds * place / len(groups)
                await asyncio.sleep(max(0.0, self._due - time.monotonic()))
                for message in self._fleet.second(group):
                    await self._sender.send(message, self._due)
                if time.monotonic() > ends + OVERTIME_SECONDS:
                    return time.monotonic() - began
            second += 1
        return time.monotonic() - began

    async def stop(self) -> None:
        """Have all workers say goodbye."""
        for number in self._fleet.hosts:
            now = time.monotonic()
            for message in self._fleet.stopped(number):
                await self._sender.send(message, now)


def _groups(hosts: Sequence[int], count: int) -> list[Sequence[int]]:
    """Return *hosts* in *count* parts as alike as can be, none of them empty."""
    count = min(count, len(hosts))
    ends = [len(hosts) * place // count for place in range(count + 1)]
    return [hosts[ends[place] : ends[place + 1]] for place in range(count)]
