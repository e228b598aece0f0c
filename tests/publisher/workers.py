"""A worker beside the test, and what it is asked and publishes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link, Puller
from robometrics.errors import RetryLaterError
from robometrics.lib import client
from robometrics.publisher.worker import worker
from robometrics.requests import Reply, encode_request
from robometrics.schema import (
    Event,
    HostBatch,
    ProcessBatch,
    Tally,
    decode_batch,
    decode_note,
)
from robometrics.settings import ClientSettings, WorkerSettings, to_flags


class Collector:
    """Takes everything off the durable, as a consumer would."""

    def __init__(self, link: Link) -> None:
        self.batches: list[Any] = []
        self.events: list[Event] = []
        self.tallies: list[Tally] = []
        self._puller = Puller(link, "persist")

    async def collect(self) -> None:
        try:
            found = await self._puller.fetch(500)
        except RetryLaterError:  # the broker is away
            await anyio.sleep(0.1)
            return
        for delivery in found:
            if delivery.subject.startswith(subjects.EVENTS.removesuffix(">")):
                note = decode_note(delivery.data)
                if isinstance(note, Tally):
                    self.tallies.append(note)
                else:
                    self.events.append(note)
            else:
                self.batches.append(decode_batch(delivery.data))
            await delivery.ack()

    def of(self, name: str) -> list[ProcessBatch]:
        return [
            b for b in self.batches if isinstance(b, ProcessBatch) and b.process == name
        ]

    def gaps(self) -> list[Event]:
        return [event for event in self.events if event.event == "gap"]

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


OPTIONS = ["nats_url", "host", "data_dir", "socket_path", "interval_seconds"]


class WorkerProcess:
    """A worker as a process of its own, to be killed."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        command = [sys.executable, "-m", "robometrics", "worker"]
        self.process = subprocess.Popen([*command, *to_flags(settings, OPTIONS)])

    async def answers(self) -> None:
        await eventually(self._connects)

    def _connects(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.settings.socket_path) == 0

    def end(self, signum: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signum)
        self.process.wait(30)


async def collect_until(collector: Collector, condition: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not condition():
            await collector.collect()


def slots_of(collector: Collector) -> list[int]:
    return sorted(b.slot for b in collector.batches if isinstance(b, HostBatch))


def missing_slots(collector: Collector) -> set[int]:
    """Return all slots that gap events name."""
    return {
        slot
        for gap in collector.gaps()
        for slot in range(gap.from_slot or 0, (gap.to_slot or 0) + 1)
    }


def tallied(tallies: list[Tally], kind: str) -> set[int]:
    return {
        tally.from_slot + bit
        for tally in tallies
        for row in tally.rows
        for bit in range(60)
        if row.kind == kind and row.slots >> bit & 1
    }
