"""Wire the worker: registrations in, samples to the outbox, messages out."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio

from robometrics import __version__, runtime, schema, subjects
from robometrics.broker import AckedPublisher, open_link
from robometrics.errors import OutboxError, SettingsError
from robometrics.publisher.clock import Clock
from robometrics.publisher.desk import listen_on_nats, listen_on_socket
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.registrar import Registrar
from robometrics.publisher.sampler import Sampler, Slot
from robometrics.publisher.samplers.host import Value
from robometrics.publisher.samplers.process import open_process
from robometrics.publisher.uplink import Uplink
from robometrics.publisher.watchlist import Target, Watchlist, boot_run
from robometrics.schema import NS_PER_SECOND
from robometrics.settings import WorkerSettings

log = logging.getLogger(__name__)

SLOTS_HELD_MAX = 60  # in memory, while the disk takes nothing
DRAIN_SECONDS = 5.0
DISK_RETRY_SECONDS = 1.0


async def worker(settings: WorkerSettings, stop: anyio.Event) -> None:
    """Measure this host and what registers on it until *stop*; then drain.

    Raises:
        SettingsError: A name, folder or socket cannot be used.
        OutboxError: The outbox cannot be used.
    """
    subjects.escape(settings.host)
    _allow_many_files()
    folder = Path(settings.data_dir)
    with _only_worker_on(folder):
        outbox = Outbox(folder / "outbox.db", max_bytes=settings.outbox_max_bytes)
        try:
            async with (
                open_link(settings.nats_url, f"worker {settings.host}") as link,
                AckedPublisher.open(
                    link, max_in_flight=settings.max_in_flight
                ) as publisher,
            ):
                with ThreadPoolExecutor(1, "outbox") as disk:
                    uplink = Uplink(link, publisher, outbox, disk)
                    engine = _Worker(settings, outbox, uplink, disk)
                    async with (
                        listen_on_socket(settings.socket_path, engine.answer),
                        listen_on_nats(link, settings.host, engine.answer),
                    ):
                        await engine.run(stop)
        finally:
            outbox.close()


class _Worker:
    """One worker, from its first to its last sample."""

    def __init__(
        self,
        settings: WorkerSettings,
        outbox: Outbox,
        uplink: Uplink,
        disk: ThreadPoolExecutor,
    ) -> None:
        self._host = settings.host
        self._outbox = outbox
        self._uplink = uplink
        self._disk = disk
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._slots: deque[Slot] = deque()
        self._events: list[tuple[str, bytes]] = []
        self._shed = 0
        self._failure: asyncio.Queue[BaseException] = asyncio.Queue()

        interval_ns = round(settings.interval_seconds * NS_PER_SECOND)
        self._clock = Clock.resumed(outbox.last_slot(), outbox.generation())
        first_slot = self._clock.now_ns() // NS_PER_SECOND + 1
        if self._clock.generation == outbox.generation():
            first_slot = max(first_slot, outbox.last_slot() + 1)
        self._watchlist = Watchlist(settings.host, settings.max_processes)
        self._registrar = Registrar(
            settings.host,
            self._watchlist,
            outbox,
            interval_ns=interval_ns,
            now_ns=self._clock.now_ns,
            emit=self._emit,
        )
        self.answer = self._registrar.answer
        own_pid = os.getpid()
        self._own = open_process(own_pid, runtime.start_ticks(own_pid) or 0)
        self._sampler = Sampler(
            settings.host,
            boot_run(runtime.boot_id()) or "unknown",
            self._watchlist,
            self._clock,
            interval_ns=interval_ns,
            first_slot=first_slot,
            hand_over=self._hand_over,
            gone=self._gone,
            failed=self._sampler_failed,
            read_self=self._read_self,
        )

    async def run(self, stop: anyio.Event) -> None:
        self._registrar.restore()
        self._emit("worker_started", reason=f"version {__version__}")
        if self._outbox.set_aside is not None:
            self._emit("gap", reason=f"damaged outbox: {self._outbox.set_aside.name}")
        self._sampler.start()
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._uplink.run)
            tg.start_soon(self._write)
            tg.start_soon(self._fail_with_the_sampler)
            await stop.wait()

            self._sampler.stop()
            await asyncio.to_thread(self._sampler.join, DRAIN_SECONDS)
            self._registrar.close()
            self._emit("worker_stopped")
            with anyio.move_on_after(DRAIN_SECONDS):
                while self._slots or self._events:
                    await anyio.sleep(0.01)
                await self._uplink.drain()
            tg.cancel_scope.cancel()
        await self._uplink.settle()

    def _hand_over(self, slot: Slot) -> None:
        """Take a finished slot from the sampler thread."""
        self._loop.call_soon_threadsafe(self._take, slot)

    def _gone(self, target: Target) -> None:
        self._loop.call_soon_threadsafe(self._registrar.ended, target)

    def _sampler_failed(self, problem: BaseException) -> None:
        self._loop.call_soon_threadsafe(self._failure.put_nowait, problem)

    async def _fail_with_the_sampler(self) -> None:
        raise await self._failure.get()

    def _take(self, slot: Slot) -> None:
        if len(self._slots) >= SLOTS_HELD_MAX:
            lost = self._slots.popleft()
            self._shed += len(lost.messages)
            self._emit(
                "gap",
                reason="the disk takes nothing",
                from_slot=lost.slot,
                to_slot=lost.slot,
                missing=len(lost.messages),
            )
        self._slots.append(slot)
        for target in slot.finished:
            self._registrar.finish(target)
        if slot.step_ns:
            self._emit("clock_stepped", reason=f"{slot.step_ns / 1e9:+.3f} s")
        self._arrived.set()

    async def _write(self) -> None:
        """Bring slots and events to the disk, then to the uplink."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._slots or self._events:
                try:
                    await self._write_once()
                except OutboxError as exc:
                    log.error("%s; trying again", exc)  # noqa: TRY400  it says it all
                    await anyio.sleep(DISK_RETRY_SECONDS)

    async def _write_once(self) -> None:
        slot = self._slots[0] if self._slots else None
        events = self._events[:]
        messages = [*(slot.messages if slot else ()), *events]
        at = slot.slot if slot else self._outbox.last_slot()
        generation = slot.generation if slot else self._clock.generation
        rows, shed = await self._loop.run_in_executor(
            self._disk, self._outbox.put, at, generation, messages
        )
        del self._events[: len(events)]
        if slot is not None and self._slots and self._slots[0] is slot:
            self._slots.popleft()
        self._uplink.offer(rows)
        if shed is not None:
            self._shed += shed.messages
            self._emit(
                "gap",
                reason="the outbox is full",
                from_slot=shed.from_slot or None,
                to_slot=shed.to_slot or None,
                missing=shed.messages,
            )

    def _emit(self, kind: str, *, at_ns: int | None = None, **details: Any) -> None:
        event = schema.Event(
            id=uuid.uuid4().hex,
            host=self._host,
            event=kind,  # type: ignore[arg-type]
            at_ns=self._clock.now_ns() if at_ns is None else at_ns,
            **details,
        )
        self._events.append((subjects.events(self._host), schema.encode(event)))
        self._arrived.set()

    def _read_self(self) -> dict[str, Value]:
        cpu_time_ns, memory_rss_bytes = self._own.fast()
        return {
            "process_count": len(self._watchlist.snapshot),
            "worker_cpu_time_ns": cpu_time_ns,
            "worker_memory_rss_bytes": memory_rss_bytes,
            "worker_ticks_skipped_total": self._sampler.ticks_skipped,
            "worker_batches_shed_total": self._shed,
            "outbox_messages": self._outbox.messages,
            "outbox_bytes": self._outbox.bytes,
        }


def _allow_many_files() -> None:
    """Raise the soft limit of open files: a process takes four."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def _only_worker_on(folder: Path) -> Iterator[None]:
    """Hold the folder's lock.

    Raises:
        SettingsError: Another worker holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "worker.lock").open("a+")
    except OSError as exc:
        raise SettingsError(
            f"cannot write to {folder}: {exc}; choose another folder with --data-dir"
        ) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise SettingsError(
                f"another worker uses {folder}; a second one needs its own --data-dir"
            ) from exc
        yield
