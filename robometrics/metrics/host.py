"""Metrics of a host."""

from __future__ import annotations

from robometrics.metrics.kinds import counter, gauge, per_second

NETWORK_RECEIVED = counter(
    "network_received_bytes_total", "bytes", "Received, all but loopback"
)
NETWORK_SENT = counter("network_sent_bytes_total", "bytes", "Sent, all but loopback")
DISK_READ = counter("disk_read_bytes_total", "bytes", "Read from all disks")
DISK_WRITE = counter("disk_write_bytes_total", "bytes", "Written to all disks")

METRICS = (
    gauge("cpu_count", "count", "Logical cores"),
    gauge("memory_total_bytes", "bytes", "Physical memory"),
    gauge("memory_available_bytes", "bytes", "Memory a new program could take"),
    gauge("memory_used_bytes", "bytes", "Total less available", sketch=True),
    gauge("swap_used_bytes", "bytes", "Swap in use"),
    gauge("load_1m", "processes", "Load average over one minute"),
    NETWORK_RECEIVED,
    NETWORK_SENT,
    DISK_READ,
    DISK_WRITE,
    gauge("process_count", "count", "Registered processes that are running"),
)
DERIVED = tuple(
    map(per_second, (NETWORK_RECEIVED, NETWORK_SENT, DISK_READ, DISK_WRITE))
)
