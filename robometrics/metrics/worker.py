"""Metrics of the worker itself, published with its host's."""

from __future__ import annotations

from robometrics.metrics.kinds import (
    counter,
    gauge,
    measured_of,
    per_second,
    percent_of,
)

WORKER_CPU_TIME = counter(
    "worker_cpu_time_ns", "nanoseconds", "CPU time of the worker itself"
)
SAMPLING_CPU_TIME = counter(
    "worker_sampling_cpu_time_ns",
    "nanoseconds",
    "CPU time of the thread that samples processes",
)
ROUND_CPU_TIME = counter(
    "worker_round_cpu_time_ns",
    "nanoseconds",
    "CPU time of the thread that reads the host, the GPUs, or details of processes",
)
SAMPLES = counter("worker_samples_total", "count", "Samples taken of processes")

METRICS = measured_of(
    ("host",),
    WORKER_CPU_TIME,
    SAMPLING_CPU_TIME,
    SAMPLES,
    gauge(
        "worker_tick_lateness_ns",
        "nanoseconds",
        "By how much the latest tick of the last second was late",
    ),
    ROUND_CPU_TIME,
    gauge("worker_round_duration_ns", "nanoseconds", "Time the last such reading took"),
    counter("worker_round_failures_total", "count", "Such readings that failed"),
    gauge("worker_memory_rss_bytes", "bytes", "Resident memory of the worker"),
    counter("worker_ticks_skipped_total", "count", "Ticks that came too late to take"),
    counter("worker_batches_shed_total", "count", "Batches the outbox gave up"),
    gauge("discovery_process_count", "count", "Processes measured by discovery rules"),
    counter(
        "discovery_refused_total",
        "count",
        "Processes that rules matched, and that were too many or not readable",
    ),
    counter(
        "discovery_cpu_time_ns", "nanoseconds", "CPU time of looking for processes"
    ),
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
    per_second(SAMPLES),
    percent_of(
        SAMPLING_CPU_TIME,
        "worker_sampling_cpu_percent",
        "CPU use of the thread that samples processes; 100 is one core",
    ),
    percent_of(
        ROUND_CPU_TIME,
        "worker_round_cpu_percent",
        "CPU use of a thread that reads beside the ticks; 100 is one core",
    ),
    percent_of(
        WORKER_CPU_TIME,
        "worker_cpu_percent",
        "CPU use of the worker itself; 100 is one core",
    ),
)
