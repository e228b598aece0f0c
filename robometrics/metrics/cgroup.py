"""Metrics of the container or systemd unit that a process runs in."""

from __future__ import annotations

from robometrics.metrics.kinds import (
    Metric,
    counter,
    gauge,
    measured_of,
    per_second,
    percent_of,
)


def _time(name: str, description: str) -> Metric:
    return counter(f"cgroup_{name}_time_ns", "nanoseconds", description)


_TIMES = (
    _time("cpu", "CPU time of the container or unit"),
    _time("cpu_user", "CPU time of the container or unit, of programs"),
    _time("cpu_system", "CPU time of the container or unit, of the kernel"),
    _time("cpu_throttled", "Time the container or unit waited for its CPU quota"),
    _time("cpu_pressure", "Time some task of it waited for a core"),
    _time("cpu_pressure_full", "Time all tasks of it waited for a core"),
    _time("memory_pressure", "Time some task of it waited for memory"),
    _time("memory_pressure_full", "Time all tasks of it waited for memory"),
    _time("io_pressure", "Time some task of it waited for I/O"),
    _time("io_pressure_full", "Time all tasks of it waited for I/O"),
)
_TOTALS = (
    counter("cgroup_cpu_throttles_total", "count", "Times its CPU quota was used up"),
    counter("cgroup_oom_kills_total", "count", "Processes killed for want of memory"),
    counter("cgroup_io_read_bytes_total", "bytes", "Bytes the container or unit read"),
    counter("cgroup_io_write_bytes_total", "bytes", "Bytes it wrote"),
)

METRICS = measured_of(
    ("process",),
    *_TIMES,
    *_TOTALS,
    gauge("cgroup_memory_current_bytes", "bytes", "Its memory, file cache included"),
    gauge("cgroup_memory_peak_bytes", "bytes", "The most memory it ever had"),
    gauge("cgroup_memory_limit_bytes", "bytes", "Its limit; absent if there is none"),
    gauge("cgroup_task_count", "count", "Threads of the container or unit"),
)
DERIVED = (
    *(
        percent_of(
            time,
            time.name.removesuffix("_time_ns") + "_percent",
            f"{time.description}; 100 is a second each second",
        )
        for time in _TIMES
    ),
    *map(per_second, _TOTALS),
)
