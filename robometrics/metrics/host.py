"""Metrics of a host.

Those of cores, disks, interfaces, mounts and sensors have an instance in their key;
where the same name stands without one, it is the total.
"""

from __future__ import annotations

from robometrics.metrics.kinds import (
    Derived,
    Metric,
    counter,
    gauge,
    measured_of,
    per_second,
    percent_of,
)


def _time(name: str, description: str) -> Metric:
    return counter(name, "nanoseconds", description)


def _total(name: str, description: str) -> Metric:
    return counter(name, "bytes" if "_bytes_" in name else "count", description)


_CPU_MODES = (
    _time("cpu_user_time_ns", "CPU time of programs, all cores"),
    _time("cpu_system_time_ns", "CPU time of the kernel, all cores"),
    _time("cpu_iowait_time_ns", "Idle time with I/O under way, all cores"),
    _time("cpu_irq_time_ns", "CPU time of interrupts, all cores"),
    _time("cpu_steal_time_ns", "Time the hypervisor gave to others, all cores"),
)
_PRESSURES = (
    _time("cpu_pressure_time_ns", "Time some task waited for a core"),
    _time("memory_pressure_time_ns", "Time some task waited for memory"),
    _time("memory_pressure_full_time_ns", "Time all work waited for memory"),
    _time("io_pressure_time_ns", "Time some task waited for I/O"),
    _time("io_pressure_full_time_ns", "Time all work waited for I/O"),
)
_DISK_BUSY = _time("disk_busy_time_ns", "Time with I/O under way, per disk and in all")
_DISK_QUEUE = _time("disk_queue_time_ns", "Time I/O took, summed over all requests")
_CPU_THROTTLED = _time("cpu_throttled_time_ns", "Time processors were slowed by heat")
_QUOTA_THROTTLED = _time(
    "cpu_limit_throttled_time_ns", "Time the container waited for its CPU quota"
)
_CPU_ENERGY = counter(
    "cpu_energy_millijoules_total", "millijoules", "Energy of all processor packages"
)
_TOTALS = (
    _total("interrupts_total", "Interrupts served"),
    _total("forks_total", "Processes and threads started"),
    _total("swap_in_bytes_total", "Read back from swap"),
    _total("swap_out_bytes_total", "Written to swap"),
    _total("disk_reads_total", "Reads from disks that are hardware"),
    _total("disk_read_bytes_total", "Read from disks that are hardware"),
    _total("disk_writes_total", "Writes to disks that are hardware"),
    _total("disk_write_bytes_total", "Written to disks that are hardware"),
    _total("network_received_bytes_total", "Received by interfaces that are hardware"),
    _total("network_sent_bytes_total", "Sent by interfaces that are hardware"),
    _total("network_received_packets_total", "Packets received"),
    _total("network_sent_packets_total", "Packets sent"),
    _total("network_errors_total", "Packets in error, both ways"),
    _total("network_drops_total", "Packets dropped for want of room, both ways"),
)
_EVENTS = (
    _total("oom_kills_total", "Processes killed for want of memory"),
    _total("cpu_throttles_total", "Times processors were slowed by heat"),
    _total("over_current_events_total", "Over-current alarms of the board"),
)
_MEMORY = (
    gauge("memory_total_bytes", "bytes", "Physical memory"),
    gauge("memory_available_bytes", "bytes", "Memory a new program could take"),
    gauge("memory_used_bytes", "bytes", "Total less available", sketch=True),
    gauge("memory_free_bytes", "bytes", "Memory used for nothing at all"),
    gauge("memory_cached_bytes", "bytes", "Files in memory, shared memory included"),
    gauge("memory_buffers_bytes", "bytes", "Blocks of disks in memory"),
    gauge("memory_shared_bytes", "bytes", "Shared memory and tmpfs"),
    gauge("memory_slab_bytes", "bytes", "Memory of the kernel's own objects"),
    gauge("memory_dirty_bytes", "bytes", "Waiting to be written to disk"),
    gauge("swap_total_bytes", "bytes", "Swap there is"),
    gauge("swap_used_bytes", "bytes", "Swap in use"),
)
_TASKS = (
    gauge("cpu_count", "count", "Logical cores"),
    gauge("load_1m", "processes", "Load average over one minute"),
    gauge("load_5m", "processes", "Load average over five minutes"),
    gauge("load_15m", "processes", "Load average over fifteen minutes"),
    gauge("tasks_running_count", "count", "Threads running, or waiting for a core"),
    gauge("tasks_blocked_count", "count", "Threads waiting for I/O"),
    gauge("file_handle_count", "count", "Open files of the whole system"),
    gauge("process_count", "count", "Registered processes that are running"),
)
_FILESYSTEMS = (
    gauge("filesystem_total_bytes", "bytes", "Size, by mount", period_seconds=10),
    gauge("filesystem_used_bytes", "bytes", "Used, by mount", period_seconds=10),
    gauge("filesystem_available_bytes", "bytes", "Free for users", period_seconds=10),
    gauge(
        "filesystem_inodes_free_count", "count", "Files to be made", period_seconds=10
    ),
)
_BOARD = (
    gauge("temperature_celsius", "celsius", "Temperature, by sensor", period_seconds=5),
    gauge("fan_rpm", "revolutions per minute", "Speed, by fan", period_seconds=5),
    gauge("power_watts", "watts", "Power, by rail of the board", period_seconds=5),
    gauge("battery_percent", "percent", "Charge, by battery", period_seconds=5),
    gauge("battery_volts", "volts", "Voltage, by battery", period_seconds=5),
    gauge(
        "battery_watts",
        "watts",
        "Power into a battery, negative: out of it",
        period_seconds=5,
    ),
    gauge("external_power_flag", "flag", "1: plugged in", period_seconds=5),
    gauge("under_voltage_flag", "flag", "1: the board lacks voltage", period_seconds=5),
    gauge(
        "cpu_throttled_flag", "flag", "1: firmware slows the cores", period_seconds=5
    ),
    gauge("wifi_signal_dbm", "dBm", "Signal, by wireless interface", period_seconds=5),
    gauge("cpu_frequency_hertz", "hertz", "Clock, mean of cores", period_seconds=10),
    gauge(
        "cpu_frequency_lowest_hertz", "hertz", "Of the slowest core", period_seconds=10
    ),
    gauge(
        "cpu_frequency_highest_hertz", "hertz", "Of the fastest core", period_seconds=10
    ),
    gauge(
        "cpu_frequency_limit_percent",
        "percent",
        "How fast cores may be clocked, of what they could; the lowest",
        period_seconds=10,
    ),
)
_CLOCK = (
    gauge("uptime_ns", "nanoseconds", "Time since the boot, sleep included"),
    gauge("clock_synchronised_flag", "flag", "1: the kernel's clock is kept right"),
    gauge("clock_error_ns", "nanoseconds", "Error as estimated by who sets the clock"),
    gauge("clock_slew_ns", "nanoseconds", "Offset the kernel is still slewing away"),
    gauge("clock_frequency_ppb", "parts per billion", "Correction of the clock's rate"),
)
_LIMITS = (
    gauge("cpu_limit_cores", "cores", "CPU quota of the worker's container"),
    gauge("memory_limit_bytes", "bytes", "Memory limit of the worker's container"),
    gauge("memory_limit_used_bytes", "bytes", "Used of it, less idle file pages"),
)

METRICS = measured_of(
    ("host",),
    *_TASKS,
    *_CPU_MODES,
    *_PRESSURES,
    *_MEMORY,
    *_TOTALS,
    *_EVENTS,
    _DISK_BUSY,
    _DISK_QUEUE,
    *_FILESYSTEMS,
    *_BOARD,
    _CPU_ENERGY,
    _CPU_THROTTLED,
    *_CLOCK,
    *_LIMITS,
    _QUOTA_THROTTLED,
)
DERIVED = (
    *(
        percent_of(
            metric,
            metric.name.replace("_time_ns", "_percent"),
            f"{metric.description}; 100: all the time"
            + (" of one core" if metric in _CPU_MODES else ""),
        )
        for metric in (*_CPU_MODES, *_PRESSURES, _DISK_BUSY, _CPU_THROTTLED)
    ),
    percent_of(
        _QUOTA_THROTTLED,
        "cpu_limit_throttled_percent",
        f"{_QUOTA_THROTTLED.description}; 100: one core's worth",
    ),
    *map(per_second, _TOTALS),
    Derived(
        name="disk_queue_length",
        unit="count",
        source=_DISK_QUEUE.name,
        scale=1e-9,
        description="Requests under way, on average",
    ),
    Derived(
        name="cpu_power_watts",
        unit="watts",
        source=_CPU_ENERGY.name,
        scale=1e-3,
        description="Power of all processor packages",
    ),
)
