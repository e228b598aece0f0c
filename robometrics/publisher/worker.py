"""Wire the worker: registrations in, samples to the outbox, messages out."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import socket
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import anyio

from robometrics import __version__, runtime, subjects
from robometrics.broker import AckedPublisher, Link, open_link
from robometrics.publisher.clock import Clock
from robometrics.publisher.control import Control
from robometrics.publisher.desk import listen_on_nats, listen_on_socket
from robometrics.publisher.discovery.discovery import Discovery
from robometrics.publisher.discovery.matching import compile_rules
from robometrics.publisher.lock import only_one_on
from robometrics.publisher.observers import Observers
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.pods.labels import ApiServer
from robometrics.publisher.pods.tagging import PodTags
from robometrics.publisher.registrar import Registrar
from robometrics.publisher.rights import Rights
from robometrics.publisher.rivals import refuse_taken_name, watch_rivals
from robometrics.publisher.runs import Runs
from robometrics.publisher.sampler import Sampler
from robometrics.publisher.samplers.process import open_process
from robometrics.publisher.series import Value
from robometrics.publisher.skew import Skew
from robometrics.publisher.slots import Packer, Slot
from robometrics.publisher.surroundings import Surroundings
from robometrics.publisher.uplink import Uplink
from robometrics.publisher.watchlist import Watchlist, boot_run
from robometrics.publisher.writer import Writer
from robometrics.requests import WorkerIdentity
from robometrics.schema import NS_PER_SECOND
from robometrics.secret_files import read_secret
from robometrics.settings import WorkerSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

DRAIN_SECONDS = 5.0
RETRY_SECONDS = 10
GARBAGE_OBJECTS = 100_000
"""New objects between two looks for cycles. A slot of 1,000 processes has that many,
none in a cycle; with Python's own 700 an eighth of all CPU went to looking."""

SWITCH_SECONDS = 0.0005
"""How long a tick waits at most for the interpreter; Python's own 5 ms are five ticks
at 1,000 Hz."""


async def worker(settings: WorkerSettings, stop: anyio.Event) -> None:
    """Measure this host and what registers on it until *stop*; then drain.

    Raises:
        SettingsError: A name, folder, socket or secret cannot be used.
        OutboxError: The outbox cannot be used.
    """
    subjects.escape(settings.host)
    api = ApiServer.of(os.environ) if settings.pod_labels else None
    _allow_many_files()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(GARBAGE_OBJECTS)
    rights = _rights(settings)
    folder = Path(settings.data_dir)
    with only_one_on(folder, "worker"):
        outbox = Outbox(
            folder / "outbox.db",
            max_bytes=settings.outbox_max_bytes,
            max_age_seconds=settings.outbox_max_age_seconds,
            durability=settings.durability,
            host=settings.host,
        )
        try:
            async with (
                open_link(settings.broker, f"worker {settings.host}") as link,
                AckedPublisher.open(
                    link, max_in_flight=settings.max_in_flight
                ) as publisher,
            ):
                if settings.nats_url:
                    await refuse_taken_name(link, settings.host)
                else:
                    log.info(
                        "no broker, as nats_url is empty: the outbox in %s keeps "
                        "everything, for robometrics report and robometrics-sync",
                        folder,
                    )
                with ThreadPoolExecutor(1, "outbox") as disk:
                    uplink = Uplink(
                        link,
                        publisher,
                        outbox,
                        disk,
                        backlog_share=settings.backlog_share,
                    )
                    engine = _Worker(settings, link, outbox, uplink, disk, api, rights)
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
        link: Link,
        outbox: Outbox,
        uplink: Uplink,
        disk: ThreadPoolExecutor,
        api: ApiServer | None,
        rights: Rights,
    ) -> None:
        self._host = settings.host
        self._link = link
        self._outbox = outbox
        self._uplink = uplink
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Queue[BaseException] = asyncio.Queue()

        boot = runtime.boot_id()
        self._clock = Clock(
            outbox.generation,
            last_slot=outbox.last_slot,
            rebooted=outbox.fact("boot") not in ("", boot),
        )
        self._identity = WorkerIdentity(
            instance=uuid.uuid4().hex,
            machine=socket.gethostname(),
            boot_id=boot,
            pid=os.getpid(),
            started_at_ns=time.time_ns(),
            data_dir=str(Path(settings.data_dir).absolute()),
        )
        self._skew = Skew(link, self._clock.now_ns)
        self._writer = Writer(settings.host, boot, outbox, uplink, disk, self._clock)
        self._watchlist = Watchlist(
            settings.host,
            settings.max_processes,
            round(settings.interval_seconds * NS_PER_SECOND),
        )
        self._control = Control(
            settings.host, self._watchlist, outbox, self._clock.now_ns
        )
        self._runs = Runs(
            self._watchlist,
            outbox,
            self._control,
            now_ns=self._clock.now_ns,
            emit=self._writer.emit,
        )
        self.answer = Registrar(
            settings.host,
            self._watchlist,
            self._runs,
            self._control,
            identity=self._identity,
            rights=rights,
        ).answer
        self._discovery = Discovery(
            compile_rules(settings.discover), self._watchlist, self._runs
        )
        self._pods = PodTags(
            self._watchlist,
            self._runs,
            folder=Path(settings.containers_dir),
            patterns=settings.pod_labels,
            api=api,
        )
        own_pid = os.getpid()
        self._own = open_process(own_pid, runtime.start_ticks(own_pid) or 0)
        self._observers = Observers(self._watchlist, self._clock)
        self._sampler = Sampler(
            Packer(settings.host, boot_run(boot) or "unknown"),
            self._watchlist,
            self._clock,
            Surroundings(self._observers.host, self._observers.gpus, self._read_self),
            first_slot=_first_slot(self._clock, outbox, boot),
            hand_over=self._in_loop(self._take),
            gone=self._in_loop(self._runs.ended),
            failed=self._in_loop(self._failure.put_nowait),
        )
        self._watchlist.on_change = self._sampler.poke

    async def run(self, stop: anyio.Event) -> None:
        self._runs.restore()
        self._writer.emit("worker_started", reason=f"version {__version__}")
        self._observers.start()
        self._sampler.start()
        try:
            async with anyio.create_task_group() as tg:
                tg.start_soon(self._uplink.run)
                tg.start_soon(self._writer.run)
                tg.start_soon(self._skew.run)
                tg.start_soon(watch_rivals, self._link, self._host, self._identity)
                tg.start_soon(self._fail_with_the_sampler)
                tg.start_soon(self._discovery.run)
                tg.start_soon(self._pods.run)
                await stop.wait()
                await self._finish()
                tg.cancel_scope.cancel()
        finally:
            self._sampler.stop()
            self._observers.stop()
        await self._uplink.settle()

    async def _finish(self) -> None:
        """Take the last samples, and see them written and published, if that goes."""
        self._discovery.stop()
        self._sampler.stop()
        await asyncio.to_thread(self._sampler.join, DRAIN_SECONDS)
        self._runs.close()
        self._control.close()
        self._writer.emit("worker_stopped")
        with anyio.move_on_after(DRAIN_SECONDS):
            while not self._writer.is_idle:
                await anyio.sleep(0.01)
            await self._writer.stop()
            await self._uplink.drain()

    def _in_loop(self, call: Callable[[T], None]) -> Callable[[T], None]:
        """Return *call* for the sampler's thread: the event loop does it."""

        def from_thread(argument: T) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: all is over
                self._loop.call_soon_threadsafe(call, argument)

        return from_thread

    async def _fail_with_the_sampler(self) -> None:
        raise await self._failure.get()

    def _take(self, slot: Slot) -> None:
        self._writer.take(slot)
        for target in slot.finished:
            self._runs.finish(target)
        if slot.step_ns:
            self._skew.forget()
        if slot.slot % RETRY_SECONDS == 0:
            self._runs.retry()

    def _read_self(self) -> dict[str, Value]:
        cpu_time_ns, memory_rss_bytes = self._own.fast()
        return {
            "process_count": len(self._watchlist.snapshot),
            "worker_cpu_time_ns": cpu_time_ns,
            "worker_memory_rss_bytes": memory_rss_bytes,
            "worker_sampling_cpu_time_ns": self._sampler.cpu_time_ns,
            "worker_samples_total": self._sampler.samples,
            "worker_ticks_skipped_total": self._sampler.ticks_skipped,
            "worker_tick_lateness_ns": self._sampler.take_lateness_ns(),
            "worker_batches_shed_total": (
                self._writer.lost_total + self._outbox.given_up_total
            ),
            "outbox_messages": self._outbox.messages,
            "outbox_bytes": self._outbox.bytes,
            **self._skew.read(),
            **self._observers.read(),
            **self._discovery.read(),
        }


def _rights(settings: WorkerSettings) -> Rights:
    token = ""
    if settings.register_token_file:
        token = read_secret(settings.register_token_file, "register_token_file")
    return Rights(token, broker_knows_us=bool(settings.nats_credentials_file))


def _first_slot(clock: Clock, outbox: Outbox, boot: str) -> int:
    """Return the first whole slot after the last one that this host ever took."""
    first_slot = clock.now_ns() // NS_PER_SECOND + 1
    if not clock.is_set:
        if outbox.fact("held_boot") == boot:
            first_slot = max(first_slot, int(outbox.fact("held_slot")) + 1)
    elif clock.generation == outbox.generation:
        first_slot = max(first_slot, outbox.last_slot + 1)
    return first_slot


def _allow_many_files() -> None:
    """Raise the soft limit of open files: a process takes four."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
