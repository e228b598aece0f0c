"""A worker beside the test, and what it is asked and publishes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link, Puller
from robometrics.lib import client
from robometrics.publisher.worker import worker
from robometrics.schema import (
    Event,
    ProcessBatch,
    Reply,
    decode_batch,
    decode_event,
    encode_request,
)
from robometrics.settings import ClientSettings, WorkerSettings


class Collector:
    """Takes everything off the durable, as a consumer would."""

    def __init__(self, link: Link) -> None:
        self.batches: list[Any] = []
        self.events: list[Event] = []
        self._puller = Puller(link, "persist")

    async def collect(self) -> None:
        for delivery in await self._puller.fetch(500):
            if delivery.subject.startswith(subjects.EVENTS.removesuffix(">")):
                self.events.append(decode_event(delivery.data))
            else:
                self.batches.append(decode_batch(delivery.data))
            await delivery.ack()

    def of(self, name: str) -> list[ProcessBatch]:
        return [
            b for b in self.batches if isinstance(b, ProcessBatch) and b.process == name
        ]

    def said(self) -> list[str]:
        return [event.event for event in self.events]


def settings_for(url: str, folder: Path, **changes: Any) -> WorkerSettings:
    values: dict[str, Any] = {
        "nats_url": url,
        "host": "robot",
        "data_dir": str(folder / "worker"),
        "socket_path": str(folder / "worker.sock"),
        "interval_seconds": 0.1,
    }
    return WorkerSettings(**values | changes)


@asynccontextmanager
async def running(settings: WorkerSettings) -> AsyncIterator[anyio.Event]:
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(worker, settings, stop)
        await eventually(lambda: Path(settings.socket_path).exists())
        yield stop
        stop.set()


async def ask(settings: WorkerSettings, request: Any) -> Reply:
    """Ask by the socket, off the event loop that the worker needs."""
    asking = ClientSettings(socket_path=settings.socket_path)
    reply = await anyio.to_thread.run_sync(
        client.ask_by_socket, encode_request(request), asking
    )
    assert reply is not None
    return reply
