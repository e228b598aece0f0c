"""What this host's configuration costs: measured on it, and published to nobody.

All parts run as they would in a worker, for a few seconds, with an outbox in a folder
of its own. Only sending is left out: there need not be a broker.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from robometrics import runtime
from robometrics.errors import RegistrationRefusedError
from robometrics.publisher.clock import Clock
from robometrics.publisher.discovery.preview import preview
from robometrics.publisher.observers import Observers
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.outbox.ledger import Entry
from robometrics.publisher.outbox.reader import Reader
from robometrics.publisher.sampler import Sampler
from robometrics.publisher.samplers.process import open_process
from robometrics.publisher.slots import Packer, Slot
from robometrics.publisher.surroundings import Surroundings
from robometrics.publisher.watchlist import Registration, Watchlist, boot_run
from robometrics.schema import NS_PER_SECOND
from robometrics.settings import WorkerSettings

END_SECONDS = 10.0
_DAY_SECONDS = 86_400


class Part(msgspec.Struct, kw_only=True):
    """One thread of the worker."""

    name: str
    cpu_percent: float
    """Of one core."""

    detail: str = ""


class Cost(msgspec.Struct, kw_only=True):
    """What a worker with these options would cost here."""

    seconds: float
    parts: list[Part]
    processes: int
    refused: list[str]
    """Why a process that should be measured cannot be."""

    samples_per_second: float
    messages_per_second: float
    bytes_per_day: float
    """Bodies of messages, before the stream and the database compress them."""

    memory_rss_bytes: int
    open_files: int
    ticks_skipped: int

    @property
    def cpu_percent(self) -> float:
        """All parts together, of one core."""
        return sum(part.cpu_percent for part in self.parts)


def would_measure(settings: WorkerSettings) -> list[Registration]:
    """Return what a worker with *settings* would measure beside the host, by name.

    That is what is registered in its outbox and still runs, and what its rules find.

    Raises:
        SettingsError: A rule cannot work.
        OutboxError: The outbox cannot be read.
    """
    path = Path(settings.data_dir) / "outbox.db"
    kept = []
    if path.exists():
        with Reader.open(path) as reader:
            kept = reader.registrations()
    boot = runtime.boot_id()
    found = [
        each
        for each in kept
        if each.boot_id == boot and runtime.start_ticks(each.pid) == each.start_ticks
    ]
    registered = {each.pid for each in found}  # each under one name or several
    for match in preview(settings.discover):
        start_ticks = runtime.start_ticks(match.pid)
        if match.name and match.pid not in registered and start_ticks is not None:
            found.append(
                Registration(
                    name=match.name,
                    pid=match.pid,
                    start_ticks=start_ticks,
                    boot_id=boot,
                    plan=match.plan,
                    rule=match.rule,
                )
            )
    return sorted(found, key=lambda each: (each.name, each.pid))


def measure_cost(
    settings: WorkerSettings, registrations: Sequence[Registration], *, slots: int = 5
) -> Cost:
    """Measure *registrations*, the host and its GPUs for so many seconds.

    Raises:
        OutboxError: The folder of the outbox cannot be written.
    """
    clock = Clock()
    interval_ns = round(settings.interval_seconds * NS_PER_SECOND)
    watchlist = Watchlist(settings.host, settings.max_processes, interval_ns)
    refused = []
    for registration in registrations:
        try:
            watchlist.add(registration)
        except RegistrationRefusedError as exc:
            refused.append(f"{registration.name}: {exc}")
    observers = Observers(watchlist, clock)
    arrived: queue.SimpleQueue[Slot | BaseException] = queue.SimpleQueue()
    sampler = Sampler(
        Packer(settings.host, boot_run(runtime.boot_id()) or "unknown"),
        watchlist,
        clock,
        Surroundings(observers.host, observers.gpus, dict),
        first_slot=clock.now_ns() // NS_PER_SECOND + 1,
        hand_over=arrived.put,
        gone=_let_go,
        failed=arrived.put,
    )
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="dry-run-", dir=folder) as name:
        outbox = Outbox(
            Path(name) / "outbox.db",
            max_bytes=settings.outbox_max_bytes,
            max_age_seconds=settings.outbox_max_age_seconds,
            durability=settings.durability,
            host=settings.host,
        )
        observers.start()
        sampler.start()
        try:
            cost = _measure(sampler, observers, watchlist, arrived, outbox, slots)
        finally:
            sampler.stop()
            observers.stop()
            sampler.join(END_SECONDS)
            outbox.close()
    cost.refused = refused
    return cost


def _let_go(_: object) -> None:
    """Do nothing: a process that ends meanwhile is read no more, and that is all."""


def _measure(
    sampler: Sampler,
    observers: Observers,
    watchlist: Watchlist,
    arrived: queue.SimpleQueue[Slot | BaseException],
    outbox: Outbox,
    slots: int,
) -> Cost:
    _next(arrived)  # the first slot fills caches
    began_ns = time.monotonic_ns()
    before = _spent(sampler, observers)
    samples = sampler.samples
    messages = size = writing_ns = 0
    for _ in range(slots):
        slot = _next(arrived)
        messages += len(slot.messages)
        size += sum(len(body) for _, body in slot.messages)
        spent_ns = time.thread_time_ns()
        outbox.put(
            slot.slot,
            slot.generation,
            slot.messages,
            entries=[Entry(slot.slot, slot.generation, slot.taken)],
        )
        writing_ns += time.thread_time_ns() - spent_ns
    lasted_ns = time.monotonic_ns() - began_ns
    seconds = lasted_ns / NS_PER_SECOND
    samples = sampler.samples - samples
    parts = [
        Part(name=name, cpu_percent=100 * (after_ns - before[name]) / lasted_ns)
        for name, after_ns in _spent(sampler, observers).items()
    ]
    if samples:
        spent_us = parts[0].cpu_percent * lasted_ns / 100 / 1e3
        parts[0].detail = f"{spent_us / samples:.1f} µs a sample"
    parts.append(Part(name="outbox", cpu_percent=100 * writing_ns / lasted_ns))
    return Cost(
        seconds=seconds,
        parts=parts,
        processes=len(watchlist.snapshot),
        refused=[],
        samples_per_second=samples / seconds,
        messages_per_second=messages / seconds,
        bytes_per_day=size / seconds * _DAY_SECONDS,
        memory_rss_bytes=_own_memory_bytes(),
        open_files=len(list(Path("/proc/self/fd").iterdir())),
        ticks_skipped=sampler.ticks_skipped,
    )


def _next(arrived: queue.SimpleQueue[Slot | BaseException]) -> Slot:
    found = arrived.get(timeout=END_SECONDS)
    if isinstance(found, BaseException):
        raise found
    return found


def _spent(sampler: Sampler, observers: Observers) -> dict[str, int]:
    """Return the CPU time of each thread so far, in ns; the sampler's first."""
    return {"processes": sampler.cpu_time_ns, **observers.cpu_time_ns()}


def _own_memory_bytes() -> int:
    pid = os.getpid()
    reader = open_process(pid, runtime.start_ticks(pid) or 0)
    try:
        return reader.fast()[1] or 0
    finally:
        reader.close()
