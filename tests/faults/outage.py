"""The broker is away for long: how soon is it live again, how soon is all there."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import nats
from faults.journal import read_journal
from faults.reading import Reading, now
from faults.report import show
from faults.scenario import PROBE, Scenario
from faults.stack import HOST, Stack

from robometrics import subjects
from robometrics.schema import decode_batch

SAMPLE_SECONDS = 5.0
LIVE_SECONDS_MAX = 2.0
DRAIN_RATIO_MIN = 20.0
GROWTH_BYTES_MAX = 10 << 20
DRAINED_SECONDS_MAX = 600.0
_BEHIND_SECONDS = 3.0  # what is under way between a worker and the database


@dataclass
class Recovery:
    """How it came back; seconds since the broker listens again."""

    grown: int
    """Batches that waited in the outbox."""

    growth: float
    """Batches that came to it a second."""

    live_seconds: float = DRAINED_SECONDS_MAX
    stored_seconds: float = DRAINED_SECONDS_MAX
    drained_seconds: float = DRAINED_SECONDS_MAX
    """Until the outbox has nothing of the outage any more."""

    caught_up_seconds: float = DRAINED_SECONDS_MAX
    """Until the database has all of it."""

    rss_bytes: list[int] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How much faster the outbox drained than it had grown."""
        return self.grown / self.drained_seconds / self.growth

    @property
    def rss_growth_bytes(self) -> int:
        return max(self.rss_bytes) - self.rss_bytes[0]

    @property
    def keeps_the_promises(self) -> bool:
        return (
            self.live_seconds <= LIVE_SECONDS_MAX
            and self.ratio >= DRAIN_RATIO_MIN
            and self.rss_growth_bytes <= GROWTH_BYTES_MAX
        )

    def show(self) -> None:
        print(
            f"live after {self.live_seconds:.2f} s, stored after "
            f"{self.stored_seconds:.2f} s; {self.grown} batches waited, "
            f"{self.growth:.0f} more a second; drained in {self.drained_seconds:.1f} s"
            f", {self.ratio:.1f} times faster; all stored in "
            f"{self.caught_up_seconds:.1f} s, "
            f"{self.grown / self.caught_up_seconds / self.growth:.1f} times faster"
        )
        print("worker RSS, MiB:", *(f"{each / 2**20:.1f}" for each in self.rss_bytes))
        print(f"worker RSS grew {self.rss_growth_bytes / 2**20:.1f} MiB at most")


def outage(stack: Stack, reading: Reading, seconds: float) -> bool:
    """Take the broker away for *seconds*; return whether the promises hold."""
    scenario = Scenario(stack, reading)
    scenario.begin()
    worker = stack.parts["worker"]
    rss_bytes = [worker.rss_bytes()]
    scenario.mark(f"nats-server away {seconds:.0f} s")
    stack.parts["nats-server"].kill()
    away_at = time.monotonic()
    before, held_from = _batches_fed(stack), reading.batches_stored()
    while time.monotonic() < away_at + seconds:
        time.sleep(SAMPLE_SECONDS)
        rss_bytes.append(worker.rss_bytes())
    grown = _batches_fed(stack) - before
    growth = grown / (time.monotonic() - away_at)
    recovery = Recovery(grown, growth, rss_bytes=rss_bytes)

    stack.parts["nats-server"].start()
    with ThreadPoolExecutor(1) as executor:
        live = executor.submit(_seconds_until_live, stack.nats_url, now())
        _watch(stack, reading, recovery, held_from)
        recovery.live_seconds = live.result()
    done = scenario.finish()
    show(done)
    recovery.show()
    return done.is_clean and recovery.keeps_the_promises


def _watch(stack: Stack, reading: Reading, recovery: Recovery, held_from: int) -> None:
    """Measure until all that waited is stored."""
    back_at, back = time.monotonic(), now()
    stored = False
    while (waited := time.monotonic() - back_at) < DRAINED_SECONDS_MAX:
        if not stored and reading.newest_stored(PROBE) > back:
            recovery.stored_seconds = waited
            stored = True
        if recovery.drained_seconds > waited and _waiting(stack) < recovery.growth:
            recovery.drained_seconds = waited
        fed = held_from + recovery.grown + recovery.growth * (waited - _BEHIND_SECONDS)
        if waited > _BEHIND_SECONDS and reading.batches_stored() >= fed:
            recovery.caught_up_seconds = waited
            return
        peak = max(recovery.rss_bytes[-1], stack.parts["worker"].rss_bytes())
        recovery.rss_bytes[-1] = peak
        time.sleep(0.05)


def _waiting(stack: Stack) -> int:
    """Return how many messages the outbox holds, read from its file."""
    file = f"file:{stack.folder / 'outbox' / 'outbox.db'}?mode=ro"
    with closing(sqlite3.connect(file, uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM messages").fetchone()[0])


def _seconds_until_live(url: str, back: int) -> float:
    """Return how long until a sample fed after *back* passes, as browsers see it."""
    started = time.monotonic()

    async def listen() -> None:
        client = await nats.connect(url)
        try:
            probe = subjects.process_samples(HOST, PROBE)
            subscription = await client.subscribe(probe)
            async for message in subscription.messages:
                values = decode_batch(message.data).metrics["cpu_time_ns"]
                if max(filter(None, values)) > back:
                    return
        finally:
            await client.close()

    asyncio.run(asyncio.wait_for(listen(), DRAINED_SECONDS_MAX))
    return time.monotonic() - started


def _batches_fed(stack: Stack) -> int:
    """Return how many batches the samples fed so far make: one a process and second."""
    return sum(
        len({wall_ns // 10**9 for wall_ns in fed.wall_ns})
        for fed in read_journal(stack.journal).values()
    )
