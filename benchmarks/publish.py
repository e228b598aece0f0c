"""From a worker's disk to the stream: the outbox and the acknowledged publisher.

The product's way is put (durable, with its entry in the ledger), publish,
acknowledgement, delete. Beside it: the same with each write synced to the disk, the
same publisher without an outbox, and nats-py's ``js.publish``, one after another.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import servers, streams, table
from benchmarks.table import Row
from robometrics import schema, subjects
from robometrics.broker import AckedPublisher, Link
from robometrics.publisher.outbox import Entry, Outbox, message_id
from robometrics.publisher.uplink import Uplink
from robometrics.settings import Durability, WorkerSettings

PROCESSES = 200
_OUTBOX_BYTES_MAX = 1 << 30

Message = tuple[str, bytes]
Slots = Sequence[Sequence[Message]]
Send = Callable[[Sequence[Message]], Awaitable[None]]
_ids = itertools.count()


class Round(NamedTuple):
    """What publishing some slots took."""

    per_second: float
    cpu_us: float
    """Of this process, all threads, for each message."""

    ack_ms: list[float]
    """From the moment its slot was complete to the acknowledgement, each message."""


class TimedPublisher(AckedPublisher):
    """The product's publisher, that notes when each acknowledgement came."""

    def __init__(self, link: Link, max_in_flight: int) -> None:
        super().__init__(link, max_in_flight)
        self.acked_at: list[float] = []

    def publish_now(
        self, subject: str, data: bytes, *, message_id: str
    ) -> asyncio.Future[bool]:
        future = super().publish_now(subject, data, message_id=message_id)
        future.add_done_callback(lambda _: self.acked_at.append(time.perf_counter()))
        return future


async def measure(*, quick: bool) -> list[Row]:
    """Publish slots of the same size in several ways, by turns."""
    slots, rounds = (8, 3) if quick else (25, 7)
    fleet = streams.Fleet(PROCESSES)
    ways = (_from_outbox, _synced, _slot_by_slot, _without_outbox, _one_by_one)
    found: list[list[Round]] = [[] for _ in ways]
    with servers.folder() as at, servers.nats_server(at) as url:
        async with streams.provisioned(url) as link:
            for _ in range(rounds + 1):  # the first one warms up
                for way, results in zip(ways, found, strict=True):
                    # New ones each time: the stream would know repeats.
                    messages = [_messages(fleet) for _ in range(slots)]
                    results.append(await way(link, at, messages))
    return _rows(*(results[1:] for results in found))


def _messages(fleet: streams.Fleet) -> list[Message]:
    return [
        (subjects.process_samples(batch.host, batch.process), schema.encode(batch))
        for batch in fleet.batches(1)
    ]


async def _from_outbox(
    link: Link, at: Path, slots: Slots, durability: Durability = "process"
) -> Round:
    """Publish as the worker does, without the second between two slots."""
    async with _uplink(link, at, durability) as (publisher, send, uplink):
        began, cpu = time.perf_counter(), time.process_time()
        for messages in slots:
            await send(messages)
        await uplink.drain()
        return _round(slots, began, cpu, len(publisher.acked_at), [])


async def _synced(link: Link, at: Path, slots: Slots) -> Round:
    return await _from_outbox(link, at, slots, "power")


async def _slot_by_slot(link: Link, at: Path, slots: Slots) -> Round:
    """Publish as the worker does: the next slot comes after the acknowledgements."""
    async with _uplink(link, at) as (publisher, send, uplink):
        ack_ms: list[float] = []
        started, cpu = time.perf_counter(), time.process_time()
        for messages in slots:
            acked_before = len(publisher.acked_at)
            began = time.perf_counter()
            await send(messages)
            while len(publisher.acked_at) < acked_before + len(messages):
                await asyncio.sleep(0.001)
            acked = publisher.acked_at[acked_before:]
            ack_ms += [(at_seconds - began) * 1e3 for at_seconds in acked]
        await uplink.drain()
        return _round(slots, started, cpu, len(ack_ms), ack_ms)


async def _without_outbox(link: Link, _: Path, slots: Slots) -> Round:
    async with _publisher(link) as publisher:
        began, cpu = time.perf_counter(), time.process_time()
        futures = [
            await publisher.publish(subject, data, message_id=message_id(data))
            for subject, data in itertools.chain.from_iterable(slots)
        ]
        await asyncio.gather(*futures)
        return _round(slots, began, cpu, len(publisher.acked_at), [])


async def _one_by_one(link: Link, _: Path, slots: Slots) -> Round:
    """Publish a part of the slots only, as it is the slowest way by far."""
    stream = link.require_client().jetstream()
    some = slots[: len(slots) // 4]
    ack_ms: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()
    for messages in some:
        began = time.perf_counter()
        for subject, data in messages:
            headers = {"Nats-Msg-Id": f"b-{next(_ids)}"}
            await stream.publish(subject, data, headers=headers)
            ack_ms.append((time.perf_counter() - began) * 1e3)
    return _round(some, started, cpu, len(ack_ms), ack_ms)


@asynccontextmanager
async def _uplink(
    link: Link, at: Path, durability: Durability = "process"
) -> AsyncIterator[tuple[TimedPublisher, Send, Uplink]]:
    """Yield the worker's way out, on a new outbox, and what hands a slot to it."""
    number = next(_ids)
    outbox = Outbox(
        at / f"outbox-{number}" / "outbox.db",
        max_bytes=_OUTBOX_BYTES_MAX,
        durability=durability,
    )
    taken = [
        ("process", f"node_{i}", "ab12cd34ef56-1-777", 10) for i in range(PROCESSES)
    ]
    with ThreadPoolExecutor(1) as disk:
        async with _publisher(link) as publisher:
            uplink = Uplink(link, publisher, outbox, disk, backlog_share=0.8)

            async def send(messages: Sequence[Message]) -> None:
                slot = streams.FIRST_SLOT
                put = partial(
                    outbox.put, slot, 0, messages, entries=[Entry(slot, 0, taken)]
                )
                rows = await asyncio.get_running_loop().run_in_executor(disk, put)
                uplink.offer(rows)

            running = asyncio.create_task(uplink.run())
            try:
                yield publisher, send, uplink
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    outbox.close()


@asynccontextmanager
async def _publisher(link: Link) -> AsyncIterator[TimedPublisher]:
    in_flight = WorkerSettings().max_in_flight
    async with TimedPublisher.open(link, max_in_flight=in_flight) as publisher:
        assert isinstance(publisher, TimedPublisher)
        yield publisher


def _round(
    slots: Slots, began: float, cpu: float, acked: int, ack_ms: list[float]
) -> Round:
    count = sum(map(len, slots))
    if acked != count:
        raise RuntimeError(f"{acked} of {count} messages were acknowledged")
    return Round(
        per_second=count / (time.perf_counter() - began),
        cpu_us=(time.process_time() - cpu) * 1e6 / count,
        ack_ms=ack_ms,
    )


def _rows(
    outbox: list[Round],
    synced: list[Round],
    paced: list[Round],
    publisher: list[Round],
    plain: list[Round],
) -> list[Row]:
    def rate(found: list[Round]) -> list[float]:
        return [each.per_second for each in found]

    def cpu(found: list[Round]) -> list[float]:
        return [each.cpu_us for each in found]

    def ack(found: list[Round], percent: float) -> list[float]:
        return [table.percentile(each.ack_ms, percent) for each in found]

    one_by_one = "nats-py js.publish, one after another"
    return [
        Row(
            "publish from the outbox: put, publish, delete",
            rate(outbox),
            "msg/s",
            one_by_one,
            rate(plain),
        ),
        Row(
            "the same, each write synced (--durability power)",
            rate(synced),
            "msg/s",
            "not synced",
            rate(outbox),
        ),
        Row(
            "publish without outbox: AckedPublisher alone",
            rate(publisher),
            "msg/s",
            one_by_one,
            rate(plain),
        ),
        Row(
            "publish from the outbox: CPU per message",
            cpu(outbox),
            "µs",
            "AckedPublisher alone",
            cpu(publisher),
        ),
        Row(
            "what the outbox costs: time per message",
            [
                (1 / a - 1 / b) * 1e6
                for a, b in zip(rate(outbox), rate(publisher), strict=True)
            ],
            "µs",
            "publishing it without",
            [1e6 / each for each in rate(publisher)],
        ),
        Row(
            "publish without outbox: CPU per message",
            cpu(publisher),
            "µs",
            one_by_one,
            cpu(plain),
        ),
        *(
            Row(
                f"slot of {PROCESSES} complete to message acknowledged, p{percent}",
                ack(paced, percent),
                "ms",
                f"{one_by_one}, p{percent}",
                ack(plain, percent),
            )
            for percent in (50, 99)
        ),
    ]


if __name__ == "__main__":
    table.run([measure])
