"""What goes into the stream, and consumers that run until it is empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zlib import crc32

import anyio

from robometrics.broker import AckedPublisher, Link, Puller
from robometrics.consumers.abandoned import Abandoned
from robometrics.consumers.loop import ConsumerLoop
from robometrics.store import Store


async def publish(link: Link, *messages: tuple[str, bytes]) -> None:
    async with AckedPublisher.open(link, max_in_flight=64) as publisher:
        for number, (subject, data) in enumerate(messages):
            name = f"t-{number}-{crc32(data)}"
            future = await publisher.publish(subject, data, message_id=name)
            assert await future


@asynccontextmanager
async def running(*loops: ConsumerLoop | Abandoned) -> AsyncIterator[None]:
    """Run consumers beside the block; they stop with it."""
    stop = anyio.Event()
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tg:
            for loop in loops:
                tg.start_soon(loop.run, stop)
            yield
            stop.set()


async def run_until_drained(link: Link, store: Store, *makers: object) -> list:
    """Run one copy of each consumer until its durable has nothing left."""
    loops = [maker(link, store, fetch_batches=100) for maker in makers]
    async with running(*loops):
        for loop in loops:
            while await Puller(link, loop.name).pending():
                await anyio.sleep(0.02)
    return loops
