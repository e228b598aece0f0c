"""A worker's GPUs and what processes use of them, from the driver to the stream."""

from __future__ import annotations

import os
from pathlib import Path

from publisher.workers import (
    Collector,
    ask,
    collect_until,
    running,
    settings_for,
    tallied,
)
from servers import NatsServer

from robometrics.broker import Link
from robometrics.lib import client
from robometrics.schema import GpuBatch

from .stand_in import GPU_IS_LOST, StandIn

MIB = 1 << 20


async def test_gpus_are_series_and_processes_have_their_share(
    nats_server: NatsServer, link: Link, tmp_path: Path, driver: StandIn
) -> None:
    driver.reset(2)
    driver.set(0, gpu=42)
    driver.process(0, os.getpid(), 300 * MIB)
    driver.process(1, os.getpid(), 200 * MIB)
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)

    def gpus(index: int) -> list[GpuBatch]:
        return [
            batch
            for batch in collector.batches
            if isinstance(batch, GpuBatch) and batch.index == index
        ]

    async with running(settings):
        await ask(settings, client.register_request("trainer", os.getpid()))
        await collect_until(collector, lambda: len(gpus(1)) >= 2)
        await collect_until(
            collector,
            lambda: any(
                [500 * MIB] == batch.metrics.get("gpu_memory_used_bytes")
                for batch in collector.of("trainer")
            ),
        )
        driver.fail(1, "*", GPU_IS_LOST)
        count = len(gpus(0))
        await collect_until(collector, lambda: len(gpus(0)) > count + 2)
    for index in (0, 1):
        slots = [batch.slot for batch in gpus(index)]
        assert sorted(set(slots)) == slots
        assert all(batch.offset_ns for batch in gpus(index))
    assert len(gpus(1)) < len(gpus(0)), "one that is lost leaves the other"
    last = collector.of("trainer")[-2].metrics
    assert "cpu_time_ns" in last
    sampled = {batch.slot for batch in gpus(0)}
    await collect_until(collector, lambda: sampled <= tallied(collector.tallies, "gpu"))
