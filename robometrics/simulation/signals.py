"""What a made-up machine and its programs show: plausible, cheap, and repeatable.

A value follows from who it is of and the number of the sample alone. So nothing is
remembered, and the counters before a batch are those at the end of the one before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robometrics.metrics import describe

Ints = NDArray[np.uint64]

_MB = 1_000_000
_GIB = 1 << 30
_SHORT_BELOW = 1 << 32
_KINDS = 3
"""Values start at once, twice and three times what a signal says."""


class Signal(NamedTuple):
    """One metric."""

    key: str
    start: int
    """Of some; of others it is higher, so that a fleet is not all alike."""

    step: int = 0
    """What a counter grows by in a second, on the average; of a gauge 0."""

    swing: int = 0
    """By how much a gauge moves."""

    is_fast: bool = False
    """Whether it is read with every sample, not once a second."""

    @property
    def is_counter(self) -> bool:
        """Whether batches tell it as it stood before them."""
        return describe(self.key).kind == "counter"

    @property
    def varies(self) -> bool:
        return bool(self.step or self.swing)

    @property
    def is_long(self) -> bool:
        """Whether it may outgrow four bytes: within days of its run."""
        return (self.start + self.swing) * _KINDS + self.step * 10**6 >= _SHORT_BELOW

    def at(self, who: Ints, sample: int, hz: int) -> Ints:
        """Return it at the *sample*-th sample of *who*, of which a second has *hz*."""
        span = self.step // hz or self.swing
        moved = drawn(who + np.uint64(self.start), sample) % np.uint64(max(span, 1))
        first = np.uint64(self.start) * (1 + who % np.uint64(_KINDS))
        return first + np.uint64(self.step // hz * sample) + moved


def drawn(who: Ints, sample: int) -> Ints:
    """Return numbers that look drawn; the same for the same arguments."""
    mixed = (who + np.uint64(1)) * np.uint64(0x9E37_79B9_7F4A_7C15)
    mixed += np.uint64(sample * 0xC2B2_AE3D_27D4_EB4F % 2**64)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58_476D_1CE4_E5B9)
    return np.asarray(mixed >> np.uint64(32), np.uint64)


PROGRAM = (
    Signal("cpu_time_ns", 5 * 10**9, step=60 * _MB, is_fast=True),
    Signal("memory_rss_bytes", 200 * _MB, swing=4 * _MB, is_fast=True),
    Signal("thread_count", 12),
    Signal("minor_faults_total", 70_000, step=40),
    Signal("major_faults_total", 40),
    Signal("io_read_bytes_total", 10 * _MB, step=12_288),
    Signal("io_write_bytes_total", 20 * _MB, step=20_480),
    Signal("context_switches_total", 90_000, step=220),
    Signal("runqueue_wait_time_ns", 300 * _MB, step=900_000),
    Signal("children_cpu_time_ns", 0),
)
"""What a worker says of a process that has no plan."""

_CORES = 8
_TIMES = {
    "cpu_user_time_ns": 1_500 * _MB,
    "cpu_system_time_ns": 450 * _MB,
    "cpu_iowait_time_ns": 6 * _MB,
    "cpu_irq_time_ns": 40 * _MB,
    "cpu_pressure_time_ns": 9 * _MB,
    "memory_pressure_time_ns": 40_000,
    "memory_pressure_full_time_ns": 20_000,
    "io_pressure_time_ns": 2 * _MB,
    "io_pressure_full_time_ns": _MB,
}
_TRAFFIC = {
    ":nvme0n1": {
        "disk_reads_total": 90,
        "disk_read_bytes_total": 6 * _MB,
        "disk_writes_total": 80,
        "disk_write_bytes_total": 11 * _MB,
        "disk_busy_time_ns": 60 * _MB,
        "disk_queue_time_ns": 100 * _MB,
    },
    ":eth0": {
        "network_received_bytes_total": 4 * _MB,
        "network_sent_bytes_total": _MB,
        "network_received_packets_total": 4_400,
        "network_sent_packets_total": 1_500,
        "network_errors_total": 0,
        "network_drops_total": 0,
    },
}
"""What parts count in a second; a host has it of each part and in all."""

_COUNTS = {
    "context_switches_total": 20_000,
    "interrupts_total": 12_000,
    "forks_total": 4,
    "swap_in_bytes_total": 0,
    "swap_out_bytes_total": 0,
    "oom_kills_total": 0,
    "worker_cpu_time_ns": 9 * _MB,
    "worker_sampling_cpu_time_ns": 2 * _MB,
    "worker_samples_total": 10,
    "worker_ticks_skipped_total": 0,
    "worker_batches_shed_total": 0,
}
_LEVELS = {
    "memory_total_bytes": (32 * _GIB, 0),
    "memory_used_bytes": (6 * _GIB, 100 * _MB),
    "memory_available_bytes": (4 * _GIB, 100 * _MB),
    "memory_free_bytes": (1 * _GIB, 100 * _MB),
    "memory_cached_bytes": (3 * _GIB, 50 * _MB),
    "memory_buffers_bytes": (220 * _MB, 0),
    "memory_shared_bytes": (90 * _MB, 0),
    "memory_slab_bytes": (640 * _MB, _MB),
    "memory_dirty_bytes": (20 * _MB, 80 * _MB),
    "swap_total_bytes": (2 * _GIB, 0),
    "swap_used_bytes": (0, 0),
    "cpu_count": (_CORES, 0),
    "tasks_running_count": (1, 4),
    "tasks_blocked_count": (0, 0),
    "file_handle_count": (6_200, 300),
    "filesystem_total_bytes:=2F": (480 * _GIB, 0),
    "filesystem_used_bytes:=2F": (160 * _GIB, 0),
    "filesystem_available_bytes:=2F": (320 * _GIB, 0),
    "filesystem_inodes_free_count:=2F": (30_000_000, 0),
    "fan_rpm:fan1": (900, 600),
    "cpu_frequency_hertz": (1_000 * _MB, 700 * _MB),
    "cpu_throttled_flag": (0, 0),
    "clock_synchronised_flag": (1, 0),
    "worker_memory_rss_bytes": (44 * _MB, _MB),
    "worker_tick_lateness_ns": (40_000, 400_000),
    "outbox_messages": (0, 0),
    "outbox_bytes": (0, 0),
    "clock_offset_ns": (120_000, 700_000),
    "clock_round_trip_ns": (700_000, 100_000),
}
"""Where a gauge is at least, and by how much it moves."""


def _counter(key: str, step: int) -> Signal:
    return Signal(key, 10**9 if step else 0, step=step)


MACHINE = (
    *(
        Signal(f"cpu_time_ns{core}", 10**12, step=(250 if core else 2_000) * _MB)
        for core in ("", *(f":{number}" for number in range(_CORES)))
    ),
    *(_counter(key, step) for key, step in (_TIMES | _COUNTS).items()),
    *(
        _counter(key + part, step)
        for whose, steps in _TRAFFIC.items()
        for key, step in steps.items()
        for part in ("", whose)
    ),
    *(Signal(key, start, swing=swing) for key, (start, swing) in _LEVELS.items()),
)
"""What a worker says of a machine with one disk and one interface, and of itself."""

MACHINE_FIXED = {
    "load_1m": 1.94,
    "load_5m": 1.88,
    "load_15m": 1.71,
    "temperature_celsius:x86_pkg_temp": 51.5,
    "temperature_celsius:nvme_Composite": 41.9,
}
"""What need not change: the price is that of any float."""
