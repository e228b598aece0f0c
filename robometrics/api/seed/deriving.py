"""Rows for older viewers, out of any host's batches.

One row is one batch: a second, as older workers have it. Percentages are those an older
worker reported; of a worker of ours they are derived here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from robometrics.api.seed.messages import FACTS, UNITS
from robometrics.api.seed.reading import MILLIWATTS_PER_WATT
from robometrics.api.seed.rows import MachineRow, ProcessRow, StaticRow
from robometrics.api.seed.stamps import to_seconds
from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    GpuBatch,
    HostBatch,
    ProcessBatch,
)
from robometrics.store import HostRow
from robometrics.store.fold import points

Number = int | float
_CPU_SENSOR = re.compile("coretemp|k10temp|zenpower|x86_pkg|cpu|soc", re.IGNORECASE)
_TEMPERATURE = "temperature_celsius:"


class Totals(msgspec.Struct, frozen=True):
    """What a share of a host is a share of."""

    memory_bytes: Number | None = None
    gpu_memory_bytes: Number | None = None
    """Of all its GPUs."""


def last(batch: AnyBatch | None, key: str) -> Number | None:
    """Return the last known value of a metric."""
    column = batch.metrics.get(key, ()) if batch is not None else ()
    return next((value for value in reversed(column) if value is not None), None)


def latest(batches: Sequence[AnyBatch], key: str) -> Number | None:
    """Return the last known value in *batches*: some are read every few seconds."""
    found = (last(batch, key) for batch in reversed(batches))
    return next((value for value in found if value is not None), None)


def machine_row(batch: HostBatch, gpu: GpuBatch | None) -> MachineRow:
    """Return the row of one second; *gpu* is the first GPU in it."""
    power_watts = _either(
        last(batch, "reported_gpu_power_watts"), last(gpu, "gpu_power_watts")
    )
    return MachineRow(
        machine_id=batch.host,
        cpu_percent=_either(last(batch, "reported_cpu_percent"), _of_all_cores(batch)),
        memory_percent=_either(
            last(batch, "reported_memory_percent"),
            percent(
                last(batch, "memory_used_bytes"), last(batch, "memory_total_bytes")
            ),
        ),
        gpu_percent=_either(
            last(batch, "reported_gpu_percent"), last(gpu, "gpu_utilization_percent")
        ),
        gpu_memory_percent=_either(
            last(batch, "reported_gpu_memory_percent"),
            percent(
                last(gpu, "gpu_memory_used_bytes"), last(gpu, "gpu_memory_total_bytes")
            ),
        ),
        cpu_temp=_either(
            last(batch, "reported_cpu_temperature_celsius"), _cpu_celsius(batch)
        ),
        gpu_temp=_either(
            last(batch, "reported_gpu_temperature_celsius"),
            last(gpu, "gpu_temperature_celsius"),
        ),
        gpu_fan_speed=_either(
            last(batch, "reported_gpu_fan_percent"), last(gpu, "gpu_fan_percent")
        ),
        gpu_power_usage=(
            None if power_watts is None else round(power_watts * MILLIWATTS_PER_WATT)
        ),
        created_at=_created_at(batch),
    )


def process_row(
    batch: ProcessBatch, totals: Totals, started_at_ns: int | None
) -> ProcessRow:
    """Return the row of one second."""
    gpu_memory = last(batch, "gpu_memory_used_bytes")
    threads = last(batch, "thread_count")
    return ProcessRow(
        machine_id=batch.host,
        pid=batch.pid,
        name=batch.process,
        cpu_percent=_either(last(batch, "reported_cpu_percent"), busy_percent(batch)),
        memory_percent=_either(
            last(batch, "reported_memory_percent"),
            percent(last(batch, "memory_rss_bytes"), totals.memory_bytes),
        ),
        gpu_memory=None if gpu_memory is None else int(gpu_memory),
        gpu_memory_percent=_either(
            last(batch, "reported_gpu_memory_percent"),
            percent(gpu_memory, totals.gpu_memory_bytes),
        ),
        create_time=None if started_at_ns is None else to_seconds(started_at_ns),
        num_threads=None if threads is None else int(threads),
        created_at=_created_at(batch),
    )


def reported_static(row: HostRow) -> StaticRow:
    """Return what an older worker said of its machine."""
    said: dict[str, Any] = {}
    for field, name in FACTS.items():
        fact = row.facts.get(name)
        if name not in UNITS:
            said[field] = fact
        elif isinstance(fact, int | float):
            said[field] = fact / UNITS[name]
    created_at = to_seconds(row.facts_at_ns or 0)
    return StaticRow(machine_id=row.host, created_at=created_at, **said)


def measured_static(
    row: HostRow,
    batches: Sequence[HostBatch],
    gpus: Sequence[GpuBatch],
) -> StaticRow:
    """Return the same of a worker of ours.

    Args:
        row: The host.
        batches: Its newest batches.
        gpus: The newest batch of each of its GPUs.
    """
    clock = latest(batches, "cpu_frequency_hertz")
    memory = latest(batches, "memory_total_bytes")
    sizes = [last(gpu, "gpu_memory_total_bytes") for gpu in gpus]
    return StaticRow(
        machine_id=row.host,
        cpu_count=_whole(latest(batches, "cpu_count")),
        cpu_freq=_in("cpu_frequency_hertz", clock),
        total_memory=_in("memory_total_bytes", memory),
        total_gpu_memory=_in("all_gpus_memory_total_bytes", total(sizes)),
        gpu_name=gpus[0].model if gpus else "",
        gpu_count=len(gpus),
        gpu_memory=_in("gpu_memory_total_bytes", sizes[0]) if sizes else None,
        created_at=float(row.first_slot),
    )


def total(sizes: Iterable[Number | None]) -> Number | None:
    """Return the sum of those that are known, ``None`` if none is."""
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None


def busy_percent(batch: AnyBatch) -> float | None:
    """Return the CPU use over a batch; 100 is one core."""
    known = list(points(batch, "cpu_time_ns"))
    before = batch.previous
    if before is not None and "cpu_time_ns" in before.counters:
        at_ns = batch.slot * NS_PER_SECOND + before.offset_ns
        known.insert(0, (at_ns, before.counters["cpu_time_ns"]))
    if len(known) < 2 or known[-1][1] < known[0][1]:  # noqa: PLR2004  a rate has two ends
        return None
    (start_ns, start), (stop_ns, stop) = known[0], known[-1]
    return 100 * (stop - start) / (stop_ns - start_ns)


def percent(part: Number | None, whole: Number | None) -> float | None:
    return 100 * part / whole if part is not None and whole else None


def _of_all_cores(batch: HostBatch) -> float | None:
    busy, cores = busy_percent(batch), last(batch, "cpu_count")
    return busy / cores if busy is not None and cores else None


def _cpu_celsius(batch: HostBatch) -> float | None:
    """Return the hottest of what is a sensor of the CPU by its name."""
    found = (
        last(batch, key)
        for key in batch.metrics
        if key.startswith(_TEMPERATURE) and _CPU_SENSOR.search(key)
    )
    return max((each for each in found if each is not None), default=None)


def _created_at(batch: AnyBatch) -> float:
    return to_seconds(batch.slot * NS_PER_SECOND + batch.offset_ns[-1])


def _either(reported: Number | None, derived: Number | None) -> float | None:
    return derived if reported is None else reported


def _whole(value: Number | None) -> int | None:
    return None if value is None else int(value)


def _in(name: str, value: Number | None) -> float | None:
    return None if value is None else value / UNITS[name]
