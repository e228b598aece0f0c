"""The catalogue: what each metric means, its unit, and how readers derive rates.

Workers publish counters and gauges only; a percentage exists where a window is known.
A metric's key is its name, or ``name:instance`` where a host has several (one network
interface, one GPU); the instance is escaped like a subject token.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

KEY = r"^[a-z][a-z0-9_]{0,62}(:[A-Za-z0-9_=-]{1,100})?\Z"
_KEY = re.compile(KEY)


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity a worker publishes."""

    name: str
    unit: str
    """``nanoseconds``, ``bytes``, ``count``, …; for charts and exports."""

    kind: Literal["counter", "gauge"]
    """A counter only grows within a run and generation; a gauge moves freely."""

    description: str
    sketch: bool = False
    """Whether rollups keep quantiles of it (of its rate, for a counter)."""


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity readers compute: the rate of a counter, times ``scale``."""

    name: str
    unit: str
    source: str
    """Name of the counter."""

    scale: float
    """Derived units per counter unit: 1e-7 makes ns of CPU per second a percentage."""

    description: str


def _counter(name: str, unit: str, description: str, *, sketch: bool = False) -> Metric:
    return Metric(
        name=name, unit=unit, kind="counter", description=description, sketch=sketch
    )


def _gauge(name: str, unit: str, description: str, *, sketch: bool = False) -> Metric:
    return Metric(
        name=name, unit=unit, kind="gauge", description=description, sketch=sketch
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _counter(
            "cpu_time_ns",
            "nanoseconds",
            "CPU time, all threads (of a host: all cores, busy) since the start",
            sketch=True,
        ),
        _gauge("memory_rss_bytes", "bytes", "Resident memory", sketch=True),
        _gauge("thread_count", "count", "Threads"),
        _counter("minor_faults_total", "count", "Page faults served without I/O"),
        _counter("major_faults_total", "count", "Page faults that read from disk"),
        _counter("io_read_bytes_total", "bytes", "Bytes read from storage"),
        _counter("io_write_bytes_total", "bytes", "Bytes written to storage"),
        _gauge("cpu_count", "count", "Logical cores"),
        _gauge("memory_total_bytes", "bytes", "Physical memory"),
        _gauge("memory_available_bytes", "bytes", "Memory a new program could take"),
        _gauge("memory_used_bytes", "bytes", "Total less available", sketch=True),
        _gauge("swap_used_bytes", "bytes", "Swap in use"),
        _gauge("load_1m", "processes", "Load average over one minute"),
        _counter("network_received_bytes_total", "bytes", "Received, all but loopback"),
        _counter("network_sent_bytes_total", "bytes", "Sent, all but loopback"),
        _counter("disk_read_bytes_total", "bytes", "Read from all disks"),
        _counter("disk_write_bytes_total", "bytes", "Written to all disks"),
        _gauge("process_count", "count", "Registered processes that are running"),
        _gauge("gpu_memory_used_bytes", "bytes", "GPU memory in use", sketch=True),
        _gauge("gpu_utilization_percent", "percent", "GPU busy", sketch=True),
        _counter("worker_cpu_time_ns", "nanoseconds", "CPU time of the worker itself"),
        _gauge("worker_memory_rss_bytes", "bytes", "Resident memory of the worker"),
        _counter(
            "worker_ticks_skipped_total", "count", "Ticks that came too late to take"
        ),
        _counter("worker_batches_shed_total", "count", "Batches the outbox gave up"),
        _gauge("clock_offset_ns", "nanoseconds", "The host's clock less the server's"),
        _gauge("clock_round_trip_ns", "nanoseconds", "What the clock was asked in"),
        _gauge("outbox_messages", "count", "Messages not yet acknowledged"),
        _gauge("outbox_bytes", "bytes", "Bytes not yet acknowledged"),
        _gauge("clock_offset_ns", "nanoseconds", "The host's clock minus the server's"),
        _gauge(
            "clock_round_trip_ns",
            "nanoseconds",
            "Time a question for the server's clock took; half of it may be error",
        ),
    )
}

DERIVED: dict[str, Derived] = {
    derived.name: derived
    for derived in (
        Derived(
            name="cpu_percent",
            unit="percent",
            source="cpu_time_ns",
            scale=1e-7,
            description="CPU use; 100 is one core",
        ),
        Derived(
            name="worker_cpu_percent",
            unit="percent",
            source="worker_cpu_time_ns",
            scale=1e-7,
            description="CPU use of the worker itself; 100 is one core",
        ),
        *(
            Derived(
                name=f"{stem}_per_second",
                unit=f"{METRICS[f'{stem}_total'].unit} per second",
                source=f"{stem}_total",
                scale=1.0,
                description=f"{METRICS[f'{stem}_total'].description}, per second",
            )
            for stem in (
                "io_read_bytes",
                "io_write_bytes",
                "minor_faults",
                "major_faults",
                "network_received_bytes",
                "network_sent_bytes",
                "disk_read_bytes",
                "disk_write_bytes",
            )
        ),
    )
}


def split_key(key: str) -> tuple[str, str]:
    """Return name and instance (``""`` if none) of a metric key."""
    name, _, instance = key.partition(":")
    return name, instance


def is_key(key: str) -> bool:
    return _KEY.fullmatch(key) is not None


def describe(key: str) -> Metric:
    """Return the catalogue's entry for *key*.

    A worker newer than this reader may publish metrics the reader does not know; the
    naming rule then tells counter (``_total``, ``_time_ns``) from gauge.
    """
    name, _ = split_key(key)
    known = METRICS.get(name)
    if known is not None:
        return known
    if name.endswith(("_total", "_time_ns")):
        return _counter(name, "", "")
    return _gauge(name, "", "")
