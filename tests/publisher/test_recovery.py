"""What a worker that died or was held up leaves is told, never hidden."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import anyio
import msgspec
import pytest
from servers import NatsServer
from waiting import eventually

from robometrics.broker import Link
from robometrics.errors import SettingsError
from robometrics.lib import client
from robometrics.publisher.worker import worker

from .conftest import Spawn
from .workers import (
    Collector,
    WorkerProcess,
    ask,
    collect_until,
    missing_slots,
    running,
    settings_for,
    slots_of,
    tallied,
)


@pytest.mark.parametrize(
    ("signum", "cause"),
    [(signal.SIGKILL, "worker_killed"), (signal.SIGTERM, "worker_stopped")],
)
async def test_the_time_without_a_worker_is_a_gap_with_its_reason(
    nats_server: NatsServer, link: Link, tmp_path: Path, signum: int, cause: str
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    first = WorkerProcess(settings)
    await first.answers()
    await ask(settings, client.register_request("me", os.getpid()))
    await collect_until(collector, lambda: len(collector.of("me")) >= 2)
    first.end(signum)
    second = WorkerProcess(settings)
    try:
        await second.answers()
        await collect_until(collector, lambda: len(collector.gaps()) > 0)
        started = time.time()
        await collect_until(collector, lambda: slots_of(collector)[-1] > started + 1)
    finally:
        second.end(signal.SIGTERM)
    await collect_until(collector, lambda: "worker_stopped" in collector.said()[-1:])
    # What either worker took is accounted for, the killed one's by the next.
    await collect_until(
        collector,
        lambda: (
            set(slots_of(collector)) == tallied(collector.tallies, "host")
            and {batch.slot for batch in collector.of("me")}
            == tallied(collector.tallies, "process")
            and {event.id for event in collector.events}
            == {event for tally in collector.tallies for event in tally.events}
        ),
    )
    sequences = sorted(tally.sequence for tally in collector.tallies)
    assert list(range(1, len(sequences) + 1)) == sequences

    [gap] = [gap for gap in collector.gaps() if gap.cause != "overrun"]
    assert cause == gap.cause
    slots = slots_of(collector)
    assert set(range(slots[0], slots[-1])) <= set(slots) | missing_slots(collector)
    # A worker that stops hands over the slot under way; one that is killed cannot.
    assert (gap.from_slot in slots) == (signum == signal.SIGTERM)


async def test_a_worker_that_was_held_up_says_what_it_missed(
    nats_server: NatsServer, link: Link, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    held_up = WorkerProcess(settings)
    try:
        await held_up.answers()
        await collect_until(collector, lambda: len(slots_of(collector)) >= 1)
        held_up.process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 3.2
        await eventually(lambda: time.monotonic() > until)
        held_up.process.send_signal(signal.SIGCONT)
        await collect_until(
            collector, lambda: any(gap.cause == "overrun" for gap in collector.gaps())
        )
        now = time.time()
        await collect_until(collector, lambda: slots_of(collector)[-1] > now)
    finally:
        held_up.end(signal.SIGTERM)
    slots = slots_of(collector)
    absent = set(range(slots[0], slots[-1])) - set(slots)
    assert len(absent) >= 2
    assert absent <= missing_slots(collector)


async def test_a_second_worker_of_one_name_refuses_and_says_where_the_first_is(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    one = settings_for(nats_server.url, tmp_path / "one")
    two = settings_for(nats_server.url, tmp_path / "two")
    three = settings_for(nats_server.url, tmp_path / "three", host="another")
    machine = os.uname().nodename
    async with running(one):
        with pytest.raises(SettingsError, match=f"'robot' is held .*{machine}.*pid"):
            await worker(two, anyio.Event())
        async with running(three):
            pass  # another name is welcome


async def test_of_two_that_started_without_a_broker_the_later_gives_way(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    nats_server.stop()
    one = WorkerProcess(settings_for(nats_server.url, tmp_path / "one"))
    await one.answers()
    two = WorkerProcess(settings_for(nats_server.url, tmp_path / "two"))
    try:
        await two.answers()
        nats_server.start()
        await eventually(lambda: two.process.poll() is not None)
        assert 2 == two.process.returncode
        assert one.process.poll() is None
    finally:
        two.end(signal.SIGKILL)
        one.end(signal.SIGTERM)


async def test_what_cannot_be_watched_after_a_restart_is_tried_again_and_told(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn
) -> None:
    first, second = spawn("input()"), spawn("input()")
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    async with running(settings):
        await ask(settings, client.register_request("first", first.pid))
        await ask(settings, client.register_request("second", second.pid))
    async with running(msgspec.structs.replace(settings, max_processes=1)):
        await collect_until(collector, lambda: len(collector.of("first")) >= 1)
        first.kill()
        first.wait()
        since = time.time()
        await collect_until(
            collector,
            lambda: any(batch.slot > since for batch in collector.of("second")),
        )
        await collect_until(
            collector,
            lambda: any(gap.cause == "process_unreadable" for gap in collector.gaps()),
        )
    [gap] = [gap for gap in collector.gaps() if gap.cause == "process_unreadable"]
    assert ("second", True) == (gap.process, "max_processes" in (gap.reason or ""))
    assert gap.from_slot is not None
    assert gap.to_slot is not None
    assert gap.from_slot < gap.to_slot
