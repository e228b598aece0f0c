"""A disk that takes nothing costs a worker nothing, as long as something does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics.broker import Link
from robometrics.lib import client
from robometrics.publisher.outbox.file import RESERVE_BYTES

from .workers import Collector, ask, collect_until, running, settings_for, tallied


async def test_a_worker_whose_disk_is_full_publishes_from_memory(
    nats_server: NatsServer, link: Link, tmp_path: Path, small_disk: Path
) -> None:
    """A dead flash card must not stop a robot that has a network."""
    settings = settings_for(
        nats_server.url, tmp_path, data_dir=str(small_disk / "worker")
    )
    collector = Collector(link)
    async with running(settings):
        await ask(settings, client.register_request("me", os.getpid()))
        await collect_until(collector, lambda: len(collector.of("me")) >= 1)
        _fill(small_disk)
        count = len(collector.of("me"))
        await collect_until(collector, lambda: len(collector.of("me")) >= count + 4)
        (small_disk / "filler").unlink()
    await collect_until(collector, lambda: "worker_stopped" in collector.said())
    await collect_until(collector, lambda: len(collector.tallies) >= 1)
    slots = [batch.slot for batch in collector.of("me")]
    assert list(range(slots[0], slots[0] + len(slots))) == sorted(slots)
    await collect_until(
        collector,
        lambda: set(slots) == tallied(collector.tallies, "process"),
    )
    assert [] == [gap for gap in collector.gaps() if gap.cause != "overrun"]


def _fill(disk: Path) -> None:
    """Leave not a byte, and take the log's own space too."""
    for reserve in disk.rglob("*.reserve"):
        reserve.unlink()
    size = 1 << 20
    with (disk / "filler").open("wb", buffering=0) as filler:
        while size:
            try:
                filler.write(b"x" * size)
            except OSError:
                size //= 2
    assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize < RESERVE_BYTES


async def test_without_disk_and_broker_memory_holds_a_minute(
    nats_server: NatsServer, link: Link, tmp_path: Path, small_disk: Path
) -> None:
    settings = settings_for(
        nats_server.url, tmp_path, data_dir=str(small_disk / "worker")
    )
    collector = Collector(link)
    async with running(settings):
        await ask(settings, client.register_request("me", os.getpid()))
        await collect_until(collector, lambda: len(collector.of("me")) >= 1)
        nats_server.kill()
        _fill(small_disk)
        since = time.time()
        await eventually(lambda: time.time() > since + 4)
        (small_disk / "filler").unlink()
        nats_server.start()
        await collect_until(
            collector, lambda: max(b.slot for b in collector.of("me")) > since + 5
        )
    slots = sorted({batch.slot for batch in collector.of("me")})
    assert list(range(slots[0], slots[0] + len(slots))) == slots


async def test_what_was_published_from_memory_is_accounted_for_each_minute(
    nats_server: NatsServer,
    link: Link,
    tmp_path: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk may stay full for ever, and the worker be killed on it."""
    monkeypatch.setattr("robometrics.publisher.writer._MINUTE", 3)
    settings = settings_for(
        nats_server.url, tmp_path, data_dir=str(small_disk / "worker")
    )
    collector = Collector(link)
    async with running(settings):
        await ask(settings, client.register_request("me", os.getpid()))
        await collect_until(collector, lambda: len(collector.of("me")) >= 1)
        _fill(small_disk)
        since = time.time()
        await collect_until(
            collector, lambda: max(b.slot for b in collector.of("me")) > since + 7
        )
        memory = {
            tally.outbox for tally in collector.tallies if tally.from_slot > since
        }
        told = tallied(
            [tally for tally in collector.tallies if tally.outbox in memory], "process"
        )
        assert len(told & {batch.slot for batch in collector.of("me")}) >= 3
        (small_disk / "filler").unlink()
    await collect_until(
        collector,
        lambda: (
            {batch.slot for batch in collector.of("me")}
            == tallied(collector.tallies, "process")
        ),
    )
