"""The stream of the product, and batches in it as workers would publish them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from itertools import accumulate

from robometrics import schema, subjects
from robometrics.broker import AckedPublisher, Link, open_link, provision
from robometrics.broker.provisioning import STREAM
from robometrics.schema import NS_PER_SECOND, Previous, ProcessBatch

__all__ = ["STREAM", "Fleet", "fill", "provisioned"]

SAMPLES_PER_BATCH = 10
FIRST_SLOT = 1_790_000_000
HOST = "robot-0"
"""Of the first processes of a fleet."""

_INTERVAL_NS = NS_PER_SECOND // SAMPLES_PER_BATCH
_IN_FLIGHT = 1_024
_STREAM_BYTES_MAX = 4 << 30

# Twelve metrics of the catalogue: first value, and what a step of it is drawn from.
_METRICS: dict[str, tuple[int, Sequence[int]]] = {
    "cpu_time_ns": (5_000_000_000, range(0, 90_000_000, 1_013)),
    "memory_rss_bytes": (200_000_000, range(-12_288, 16_384, 4_096)),
    "thread_count": (12, [0]),
    "minor_faults_total": (70_000, range(20)),
    "major_faults_total": (40, [0] * 99 + [1]),
    "io_read_bytes_total": (10_000_000, range(0, 12_288, 4_096)),
    "io_write_bytes_total": (20_000_000, range(0, 20_480, 4_096)),
    "network_received_bytes_total": (90_000, range(200)),
    "network_sent_bytes_total": (900, range(20)),
    "gpu_memory_used_bytes": (1_500_000_000, [0]),
    "gpu_utilization_percent": (40, [0]),
    "disk_read_bytes_total": (3_000, [0, 0, 0, 4_096]),
}
METRICS = len(_METRICS)


@contextlib.asynccontextmanager
async def provisioned(url: str) -> AsyncIterator[Link]:
    """Yield a connection to the broker at *url*, with stream and durables."""
    async with open_link(url, "benchmark") as link:
        await asyncio.wait_for(link.wait_up(), 10)
        await provision(link, max_bytes=_STREAM_BYTES_MAX, replicas=1)
        yield link


class Fleet:
    """Processes, 20 to a host, whose metrics wander; the same in every run."""

    def __init__(self, processes: int, first_slot: int = FIRST_SLOT) -> None:
        self._draw = random.Random(1)  # noqa: S311  no secret
        self._slot = first_slot
        self._states = [
            {key: start for key, (start, _) in _METRICS.items()}
            for _ in range(processes)
        ]

    def batches(self, slots: int) -> list[ProcessBatch]:
        """Return what all of them send in the next *slots* seconds, by slot."""
        first, self._slot = self._slot, self._slot + slots
        return [
            _batch(self._draw, number, slot, state)
            for slot in range(first, self._slot)
            for number, state in enumerate(self._states)
        ]


async def fill(link: Link, batches: Sequence[ProcessBatch]) -> None:
    """Publish *batches* and wait until the stream holds them all."""
    async with AckedPublisher.open(link, max_in_flight=_IN_FLIGHT) as publisher:
        futures = [
            await publisher.publish(
                subjects.process_samples(batch.host, batch.process),
                schema.encode(batch),
                message_id=f"{batch.run}-{batch.slot}",
            )
            for batch in batches
        ]
        stored = await asyncio.gather(*futures)
    if not all(stored):
        raise RuntimeError("the stream took some batches for repeats")


def _batch(
    draw: random.Random, number: int, slot: int, state: dict[str, int]
) -> ProcessBatch:
    previous = dict(state)
    columns: dict[str, list[schema.Value]] = {}
    for key, (_, steps) in _METRICS.items():
        drawn = draw.choices(steps, k=SAMPLES_PER_BATCH)
        column = list(accumulate(drawn, initial=state[key]))[1:]
        state[key] = column[-1]
        columns[key] = [*column]
    jitter = draw.choices(range(2_000_000), k=SAMPLES_PER_BATCH)
    return ProcessBatch(
        host=f"robot-{number // 20}",
        process=f"node_{number}",
        pid=1_000 + number,
        run=f"ab12cd34ef56-{1_000 + number}-777",
        slot=slot,
        interval_ns=_INTERVAL_NS,
        offset_ns=[i * _INTERVAL_NS + late for i, late in enumerate(jitter)],
        metrics=columns,
        previous=Previous(offset_ns=-_INTERVAL_NS + 1_000_000, counters=previous),
    )
