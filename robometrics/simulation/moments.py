"""What was seen in one second of a simulation, and how it is seen."""

from __future__ import annotations

import time

import anyio
import msgspec

from robometrics.broker import Link, measure_depth
from robometrics.errors import RetryLaterError
from robometrics.simulation import census
from robometrics.simulation.playing import Play
from robometrics.simulation.sending import Counts, Sender

EVERY_SECONDS = 1.0


class Moment(msgspec.Struct, kw_only=True):
    """One second, more or less."""

    at_seconds: float
    """Since the beginning; the end of it."""

    seconds: float = 1.0
    """How long it was."""

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    waited_seconds: float = 0.0
    """For messages in flight to be acknowledged."""

    behind_seconds: float = 0.0
    """How late the batches are that were sent last."""

    ack_p99_seconds: float = 0.0
    waiting: dict[str, int] = {}
    """Messages that each durable has yet to acknowledge; empty if not known."""

    stream_filled_ratio: float = 0.0
    cores: dict[str, float] = {}
    """In use by each part of this machine."""

    busy_ratio: float | None = None
    """Of all cores, whoever used them; ``None`` if the kernel does not tell."""

    disk_wait_ratio: float = 0.0
    """Of all cores: idle, with input or output under way."""


class Watch:
    """Notes a moment each second while a fleet plays."""

    def __init__(
        self, link: Link, sender: Sender, play: Play, parts: dict[str, list[int]]
    ) -> None:
        self.moments: list[Moment] = []
        self.memory_bytes: dict[str, int] = {}
        """The most that each part held."""

        self._link = link
        self._sender = sender
        self._play = play
        self._parts = parts
        self._began = self._last = time.monotonic()
        self._seen = _Seen.of(sender.counts)
        self._usage: dict[str, census.Usage] = {}
        self._machine: census.MachineTime | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        self._began = self._last = time.monotonic()
        self._seen = _Seen.of(self._sender.counts)
        self._usage, self._machine = census.usage(self._parts), census.machine_time()
        while True:
            await anyio.sleep(EVERY_SECONDS)
            self.moments.append(await self._moment())

    async def _moment(self) -> Moment:
        waiting: dict[str, int] = {}
        filled = 0.0
        try:
            depth = await measure_depth(self._link)
        except RetryLaterError:
            pass  # it says nothing while it has too much to do, or may not
        else:
            waiting = {name: each.waiting for name, each in depth.durables.items()}
            filled = depth.stream.filled_ratio
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        seen, self._seen = self._seen, _Seen.of(self._sender.counts)
        moment = Moment(
            at_seconds=now - self._began,
            seconds=seconds,
            sent=self._seen.sent - seen.sent,
            acknowledged=self._seen.acknowledged - seen.acknowledged,
            refused=self._seen.refused - seen.refused,
            waited_seconds=self._seen.waited_seconds - seen.waited_seconds,
            behind_seconds=self._play.behind_seconds,
            ack_p99_seconds=self._sender.counts.take_latest().quantile(0.99),
            waiting=waiting,
            stream_filled_ratio=filled,
        )
        self._look_at_the_machine(moment)
        return moment

    def _look_at_the_machine(self, moment: Moment) -> None:
        before, self._usage = self._usage, census.usage(self._parts)
        for part, used in self._usage.items():
            if part in before:
                spent = used.cpu_seconds - before[part].cpu_seconds
                moment.cores[part] = spent / moment.seconds
            most = self.memory_bytes.get(part, 0)
            self.memory_bytes[part] = max(most, used.memory_bytes)
        earlier, self._machine = self._machine, census.machine_time()
        if earlier is None or self._machine is None:
            return
        total = max(self._machine.total - earlier.total, 1e-9)
        waited = (self._machine.waiting - earlier.waiting) / total
        moment.busy_ratio = 1 - waited - (self._machine.idle - earlier.idle) / total
        moment.disk_wait_ratio = waited


class _Seen(msgspec.Struct):
    """Counts at one time."""

    sent: int
    acknowledged: int
    refused: int
    waited_seconds: float

    @classmethod
    def of(cls, counts: Counts) -> _Seen:
        return cls(
            counts.sent, counts.acknowledged, counts.refused, counts.waited_seconds
        )
