"""A worker whose wall clock is turned, or was never set."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link, open_link
from robometrics.lib import client
from robometrics.publisher import worker as worker_module
from robometrics.publisher.clock import Clock
from robometrics.requests import Now, encode_request

from .workers import (
    Collector,
    ask,
    collect_until,
    missing_slots,
    running,
    settings_for,
    slots_of,
    tallied,
)


class StepClock:
    """The wall clock of a worker, which a test may turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, offset_ns: int = 0) -> None:
        self.offset_ns = offset_ns

        def make(*args: int, **known: int) -> Clock:
            return Clock(*args, wall_ns=self.wall_ns, **known)  # type: ignore[arg-type]

        monkeypatch.setattr(worker_module, "Clock", make)

    def wall_ns(self) -> int:
        return time.time_ns() + self.offset_ns


async def test_a_step_forward_is_a_gap_and_a_step_back_a_generation(
    nats_server: NatsServer,
    link: Link,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = StepClock(monkeypatch)
    collector = Collector(link)
    async with running(settings_for(nats_server.url, tmp_path)):
        await collect_until(collector, lambda: len(slots_of(collector)) >= 1)
        clock.offset_ns = 90 * 10**9
        await collect_until(collector, lambda: len(collector.gaps()) > 0)
        clock.offset_ns = 0
        await collect_until(
            collector, lambda: any(batch.generation for batch in collector.batches)
        )
    [gap] = [gap for gap in collector.gaps() if gap.cause == "clock"]
    slots = {batch.slot for batch in collector.batches if batch.generation == 0}
    assert gap.from_slot is not None
    assert gap.to_slot is not None
    assert 88 <= gap.to_slot - gap.from_slot + 1 <= 91
    assert not slots & set(range(gap.from_slot, gap.to_slot + 1))
    assert set(range(min(slots), max(slots) + 1)) <= slots | missing_slots(collector)
    assert 2 == collector.said().count("clock_stepped")


async def test_what_was_taken_before_the_clock_was_set_arrives_stamped_right(
    nats_server: NatsServer,
    link: Link,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A board without a battery boots in 1970 and jumps when the network tells it."""
    began = time.time()
    clock = StepClock(monkeypatch, offset_ns=-time.time_ns() + 100 * 10**9)
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    async with running(settings):
        await ask(settings, client.register_request("me", os.getpid()))
        until = time.monotonic() + 3.5
        await eventually(lambda: time.monotonic() > until)
        await collector.collect()
        assert [] == collector.batches + collector.events
        clock.offset_ns = 0
        jumped = time.time()
        await collect_until(
            collector,
            lambda: any(b.slot > jumped + 2 for b in collector.of("me")),
        )
    await collect_until(collector, lambda: "worker_stopped" in collector.said())
    slots = sorted(batch.slot for batch in collector.of("me"))
    assert began - 1 <= slots[0] <= began + 3
    assert len(set(slots)) == len(slots)
    assert len(slots) >= slots[-1] - slots[0], "a second at most, of the whole ones"
    hosts = slots_of(collector)
    lived = set(range(hosts[0], hosts[-1] + 1))
    assert lived <= set(hosts) | missing_slots(collector)
    times = [event.at_ns / 1e9 for event in collector.events]
    assert all(began - 1 <= at <= time.time() for at in times)
    await collect_until(
        collector, lambda: set(slots) <= tallied(collector.tallies, "process")
    )


async def test_the_offset_of_the_host_s_clock_is_measured(
    nats_server: NatsServer,
    link: Link,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    StepClock(monkeypatch, offset_ns=7 * 10**9)
    collector = Collector(link)

    async def tell(message: object) -> None:
        await message.respond(encode_request(Now(now_ns=time.time_ns())))  # type: ignore[attr-defined]

    async with open_link(nats_server.url, "server") as server:
        await server.wait_up()
        await server.subscribe(subjects.TIME, tell)
        async with running(settings_for(nats_server.url, tmp_path)):
            await collect_until(
                collector,
                lambda: any("clock_offset_ns" in b.metrics for b in collector.batches),
            )
    found = next(b for b in collector.batches if "clock_offset_ns" in b.metrics)
    [offset_ns] = found.metrics["clock_offset_ns"]
    [round_trip_ns] = found.metrics["clock_round_trip_ns"]
    assert abs(offset_ns - 7 * 10**9) <= round_trip_ns
