"""Metrics of a process; the first two are a host's as well."""

from __future__ import annotations

from robometrics.metrics.kinds import counter, gauge, per_second, percent_of

CPU_TIME = counter(
    "cpu_time_ns",
    "nanoseconds",
    "CPU time, all threads (of a host: all cores, busy) since the start",
    sketch=True,
)
MINOR_FAULTS = counter("minor_faults_total", "count", "Page faults served without I/O")
MAJOR_FAULTS = counter("major_faults_total", "count", "Page faults that read from disk")
IO_READ = counter("io_read_bytes_total", "bytes", "Bytes read from storage")
IO_WRITE = counter("io_write_bytes_total", "bytes", "Bytes written to storage")

METRICS = (
    CPU_TIME,
    gauge("memory_rss_bytes", "bytes", "Resident memory", sketch=True),
    gauge("thread_count", "count", "Threads"),
    MINOR_FAULTS,
    MAJOR_FAULTS,
    IO_READ,
    IO_WRITE,
)
DERIVED = (
    percent_of(CPU_TIME, "cpu_percent", "CPU use; 100 is one core"),
    *map(per_second, (MINOR_FAULTS, MAJOR_FAULTS, IO_READ, IO_WRITE)),
)
