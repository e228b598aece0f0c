"""Ordinary messages of what was posted, as ``robometrics.schema`` has them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from robometrics import subjects
from robometrics.api.seed.book import Place
from robometrics.api.seed.posts import MachineReading, ProcessReading, StaticMachine
from robometrics.api.seed.reading import Reading, said
from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    Event,
    HostBatch,
    ProcessBatch,
    encode,
)

INTERVAL_NS = NS_PER_SECOND
"""Older workers read once a second."""

FACTS = {
    "cpu_count": "cpu_count",
    "cpu_freq": "cpu_frequency_hertz",
    "total_memory": "memory_total_bytes",
    "total_gpu_memory": "all_gpus_memory_total_bytes",
    "gpu_name": "gpu_model",
    "gpu_count": "gpu_count",
    "gpu_driver_version": "gpu_driver_version",
    "gpu_memory": "gpu_memory_total_bytes",
}
UNITS = {
    "cpu_frequency_hertz": 1_000_000,
    "memory_total_bytes": 2**30,
    "all_gpus_memory_total_bytes": 2**20,
    "gpu_memory_total_bytes": 2**20,
}
"""How many of ours an older worker's unit is: MHz, GiB, MiB."""


def batch_of(reading: Reading, place: Place, at_ns: int) -> AnyBatch:
    """Return the batch of one reading."""
    slot, offset_ns = divmod(at_ns, NS_PER_SECOND)
    common: dict[str, Any] = {
        "host": reading.series.host,
        "run": place.run,
        "generation": place.generation,
        "slot": slot,
        "interval_ns": INTERVAL_NS,
        "offset_ns": [offset_ns],
        "metrics": {name: [value] for name, value in reading.values},
    }
    if reading.pid is None:
        return HostBatch(**common)
    return ProcessBatch(process=reading.series.name, pid=reading.pid, **common)


def registered(reading: Reading, place: Place, at_ns: int) -> Event:
    """Return the event by which the run of *reading* is known; its id is the run's."""
    host, _, name = reading.series
    return Event(
        id=digest(f"{host}\0{name}\0{place.run}".encode()),
        host=host,
        event="registered",
        at_ns=at_ns,
        process=name,
        run=place.run,
        pid=reading.pid,
        started_at_ns=reading.started_ns,
    )


def started(machine_id: str, post: StaticMachine, at_ns: int) -> Event:
    """Return the event that tells what a machine is; its id is that of *post*.

    Raises:
        BadRequestError: *post* says nothing.
    """
    return Event(
        id=digest(machine_id.encode() + b"\0" + encode(post)),
        host=machine_id,
        event="worker_started",
        at_ns=at_ns,
        reason="an older worker, over HTTP",
        facts={
            name: round(value * UNITS[name]) if name in UNITS else value
            for name, value in said(post, FACTS).items()
        },
    )


def subject_of(message: AnyBatch | Event) -> str:
    """Return where *message* belongs.

    Raises:
        InvalidNameError: The name of its host is too long.
    """
    if isinstance(message, Event):
        return subjects.events(message.host)
    return subjects.samples(message.host, message.kind, message.name)


def mark_of(posts: Sequence[MachineReading | ProcessReading]) -> str:
    """Return what the same posts have always, and no others."""
    return digest(encode(posts))[:16]


def digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
