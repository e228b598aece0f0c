"""Metrics of the worker itself, published with its host's."""

from __future__ import annotations

from robometrics.metrics.kinds import counter, gauge, percent_of

WORKER_CPU_TIME = counter(
    "worker_cpu_time_ns", "nanoseconds", "CPU time of the worker itself"
)

METRICS = (
    WORKER_CPU_TIME,
    gauge("worker_memory_rss_bytes", "bytes", "Resident memory of the worker"),
    counter("worker_ticks_skipped_total", "count", "Ticks that came too late to take"),
    counter("worker_batches_shed_total", "count", "Batches the outbox gave up"),
    gauge("outbox_messages", "count", "Messages not yet acknowledged"),
    gauge("outbox_bytes", "bytes", "Bytes not yet acknowledged"),
    gauge("clock_offset_ns", "nanoseconds", "The host's clock minus the server's"),
    gauge(
        "clock_round_trip_ns",
        "nanoseconds",
        "Time a question for the server's clock took; half of it may be error",
    ),
)
DERIVED = (
    percent_of(
        WORKER_CPU_TIME,
        "worker_cpu_percent",
        "CPU use of the worker itself; 100 is one core",
    ),
)
