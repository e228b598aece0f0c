"""Metrics of a process, some of which are a host's as well."""

from __future__ import annotations

from robometrics.metrics.kinds import (
    counter,
    gauge,
    measured_of,
    per_second,
    percent_of,
)

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
SWITCHES = counter(
    "context_switches_total",
    "count",
    "Times a thread was given a CPU (of a host: switches from one task to another)",
)
RUNQUEUE_WAIT = counter(
    "runqueue_wait_time_ns",
    "nanoseconds",
    "Time its threads were ready to run and waited for a CPU",
)
CHILDREN_CPU_TIME = counter(
    "children_cpu_time_ns",
    "nanoseconds",
    "CPU time of children that ended and were waited for, and of theirs; to 10 ms",
)
TREE_CPU_TIME = counter(
    "tree_cpu_time_ns",
    "nanoseconds",
    "CPU time of the process and all it started, those that ended included",
    sketch=True,
)
THREAD_CPU_TIME = counter(
    "thread_cpu_time_ns", "nanoseconds", "CPU time by name of thread"
)

METRICS = (
    *measured_of(
        ("process", "host"),
        CPU_TIME,
        MAJOR_FAULTS,
        SWITCHES,
        gauge("thread_count", "count", "Threads"),
    ),
    *measured_of(
        ("process",),
        gauge("memory_rss_bytes", "bytes", "Resident memory", sketch=True),
        MINOR_FAULTS,
        IO_READ,
        IO_WRITE,
        RUNQUEUE_WAIT,
        CHILDREN_CPU_TIME,
        TREE_CPU_TIME,
        gauge(
            "tree_memory_rss_bytes",
            "bytes",
            "Resident memory of the tree; what is shared counts once for each process",
            sketch=True,
        ),
        gauge(
            "tree_process_count", "count", "Processes of the tree that have not ended"
        ),
        THREAD_CPU_TIME,
        gauge(
            "memory_pss_bytes",
            "bytes",
            "Resident memory, of what n processes share the n-th part",
            period_seconds=30,
        ),
        gauge(
            "memory_uss_bytes", "bytes", "Resident memory of its own", period_seconds=30
        ),
        gauge("memory_swap_bytes", "bytes", "Memory in swap", period_seconds=30),
        gauge("open_file_count", "count", "Open file descriptors", period_seconds=10),
    ),
)
DERIVED = (
    percent_of(CPU_TIME, "cpu_percent", "CPU use; 100 is one core"),
    percent_of(TREE_CPU_TIME, "tree_cpu_percent", "CPU use of the tree; 100: one core"),
    percent_of(
        RUNQUEUE_WAIT,
        "runqueue_wait_percent",
        "Share of time its threads waited for a CPU; 100: one thread all the time",
    ),
    percent_of(
        CHILDREN_CPU_TIME,
        "children_cpu_percent",
        "CPU use of children, told when they end; 100 is one core",
    ),
    percent_of(THREAD_CPU_TIME, "thread_cpu_percent", "CPU use by name of thread"),
    *map(per_second, (MINOR_FAULTS, MAJOR_FAULTS, IO_READ, IO_WRITE, SWITCHES)),
)
