"""What is measured of a machine as a whole, given what its programs do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.fleet.cast import Machine
from benchmarks.fleet.loads import Floats, Ints
from benchmarks.fleet.programs import MIB
from benchmarks.fleet.stints import Counters, Numbers, Trailing
from robometrics.metrics import describe
from robometrics.schema import NS_PER_SECOND
from robometrics.subjects import escape

GIB = 1 << 30
_BASE_CORES = 0.15
"""What runs on it besides."""

_LOAD_SECONDS = {"load_1m": 60, "load_5m": 300, "load_15m": 900}
_WARM_SECONDS = 45
_PACKET_BYTES = 900
_MB = 1_000_000


class Whole:
    """One machine, from second to second."""

    def __init__(self, machine: Machine, seed: tuple[int, int], born: int) -> None:
        self._machine = machine
        self._draw = np.random.default_rng((*seed, 1_000))
        self._born = born
        self._counters = Counters()
        self._loads = {
            key: Trailing(seconds, _BASE_CORES)
            for key, seconds in _LOAD_SECONDS.items()
        }
        self._warmth = Trailing(_WARM_SECONDS, 0.3)

    def measure(
        self, slots: Ints, cores: Floats, memory_bytes: Ints, samples: Ints
    ) -> dict[str, Numbers]:
        """Return its metrics, as ``stints.stint`` takes them.

        Args:
            slots: Consecutive seconds.
            cores: In use by all its programs.
            memory_bytes: Resident, of all its programs.
            samples: Taken of all its programs, each second.
        """
        cores = np.minimum(cores + _BASE_CORES, self._machine.cores * 0.97)
        steps = {
            **self._cpu(slots, cores),
            **self._pressure(cores),
            **self._disks(cores),
            **self._network(cores),
            **self._worker_counts(samples),
        }
        grown = {key: self._counters.grown(key, each) for key, each in steps.items()}
        return {
            **grown,
            **self._memory(memory_bytes),
            **self._tasks(cores, slots),
            **self._filesystems(slots),
            **self._board(slots, cores),
            **self._worker(slots),
        }

    def _cpu(self, slots: Ints, cores: Floats) -> dict[str, Numbers]:
        count = self._machine.cores
        time_ns = cores * NS_PER_SECOND
        # Some cores are favoured for minutes; none does more than it can.
        number = np.arange(count)[:, None]
        wish = 1 + 0.8 * np.sin(slots / (41 + 7 * number) + number * 2)
        wish *= self._draw.uniform(0.7, 1.3, (count, len(slots)))
        share = np.minimum(wish / wish.sum(axis=0) * cores, 1)
        switches = 3_000 + 9_000 * cores
        return {
            "cpu_time_ns": time_ns,
            "cpu_user_time_ns": time_ns * 0.78,
            "cpu_system_time_ns": time_ns * 0.2,
            "cpu_irq_time_ns": time_ns * 0.02,
            "cpu_iowait_time_ns": self._draw.exponential(6e6, len(slots)),
            "cpu_steal_time_ns": np.zeros(len(slots)),
            "context_switches_total": self._draw.poisson(switches),
            "interrupts_total": self._draw.poisson(switches * 0.6),
            "forks_total": self._draw.poisson(2, len(slots)),
            **{
                f"cpu_time_ns:{core}": each * NS_PER_SECOND
                for core, each in enumerate(share)
            },
        }

    def _pressure(self, cores: Floats) -> dict[str, Numbers]:
        scarce = np.maximum(cores / self._machine.cores - 0.6, 0) * NS_PER_SECOND
        quiet = self._draw.exponential(4e5, len(cores))
        return {
            "cpu_pressure_time_ns": scarce + quiet,
            "memory_pressure_time_ns": quiet * 0.1,
            "memory_pressure_full_time_ns": quiet * 0.05,
            "io_pressure_time_ns": quiet * 3,
            "io_pressure_full_time_ns": quiet * 2,
        }

    def _disks(self, cores: Floats) -> dict[str, Numbers]:
        parts = []
        for number, disk in enumerate(self._machine.disks):
            read = self._draw.gamma(1.2, 3 * _MB / (1 + number), len(cores)) * cores
            written = self._draw.gamma(1.2, 6 * _MB / (1 + number), len(cores)) * cores
            busy_ns = np.minimum((read + written) * 4, 0.98 * NS_PER_SECOND)
            parts.append(
                (
                    disk,
                    {
                        "disk_reads_total": read / 65_536,
                        "disk_read_bytes_total": read // 4_096 * 4_096,
                        "disk_writes_total": written / 131_072,
                        "disk_write_bytes_total": written // 4_096 * 4_096,
                        "disk_busy_time_ns": busy_ns,
                        "disk_queue_time_ns": busy_ns * 1.6,
                    },
                )
            )
        return _with_totals(parts)

    def _network(self, cores: Floats) -> dict[str, Numbers]:
        parts = []
        for number, interface in enumerate(self._machine.interfaces):
            scale = 2 * _MB / (1 + 4 * number)
            received = self._draw.gamma(2, scale, len(cores)) * cores
            sent = self._draw.gamma(2, scale / 3, len(cores)) * cores
            rare = self._draw.random(len(cores)) < 0.001
            parts.append(
                (
                    interface,
                    {
                        "network_received_bytes_total": received,
                        "network_sent_bytes_total": sent,
                        "network_received_packets_total": received / _PACKET_BYTES,
                        "network_sent_packets_total": sent / _PACKET_BYTES,
                        "network_errors_total": rare * 0,
                        "network_drops_total": rare * 3,
                    },
                )
            )
        return _with_totals(parts)

    def _memory(self, resident: Ints) -> dict[str, Numbers]:
        total = self._machine.memory_gib * GIB
        used = np.minimum(resident + total // 12, total * 95 // 100)
        cached = (total - used) * 6 // 10
        free = total - used - cached
        flat = np.ones_like(used)
        return {
            "memory_total_bytes": flat * total,
            "memory_used_bytes": used,
            "memory_available_bytes": total - used,
            "memory_cached_bytes": cached,
            "memory_free_bytes": free,
            "memory_buffers_bytes": flat * (220 * MIB),
            "memory_shared_bytes": flat * (90 * MIB),
            "memory_slab_bytes": flat * (640 * MIB),
            "memory_dirty_bytes": self._draw.integers(0, 400, len(used)) * MIB // 4,
            "swap_total_bytes": flat * (2 * GIB),
            "swap_used_bytes": np.maximum(used - total * 8 // 10, 0) // 8,
        }

    def _tasks(self, cores: Floats, slots: Ints) -> dict[str, Numbers]:
        return {
            **{k: np.round(each.mean(cores), 2) for k, each in self._loads.items()},
            "cpu_count": np.full(len(slots), self._machine.cores),
            "tasks_running_count": self._draw.poisson(cores) + 1,
            "tasks_blocked_count": self._draw.poisson(0.05, len(slots)),
            "file_handle_count": 6_200 + slots % 300,
            "process_count": np.full(len(slots), len(self._machine.programs)),
        }

    def _filesystems(self, slots: Ints) -> dict[str, Numbers]:
        values: dict[str, Numbers] = {}
        for number, mount in enumerate(self._machine.mounts):
            total = 480 * GIB * (1 + 3 * number)
            used = total // 3 + held(slots, 10) % 86_400 * (total // 400_000)
            for name, amount in (
                ("total_bytes", np.full(len(slots), total)),
                ("used_bytes", used),
                ("available_bytes", total - used),
                ("inodes_free_count", np.full(len(slots), 30_000_000)),
            ):
                values[f"filesystem_{name}:{escape(mount)}"] = amount
        return values

    def _board(self, slots: Ints, cores: Floats) -> dict[str, Numbers]:
        at = held(slots, 5)
        busy = self._warmth.mean(cores / self._machine.cores)
        warm = 38 + 34 * busy + 4 * np.sin(at / 300)
        warm = warm[np.maximum(np.arange(len(slots)) - (slots - at), 0)]
        values: dict[str, Numbers] = {
            "temperature_celsius:x86_pkg_temp": np.round(warm, 1),
            "temperature_celsius:nvme_Composite": np.round(warm * 0.8, 1),
            "fan_rpm:fan1": (900 + 30 * (warm - 38)).astype(np.int64),
            "cpu_frequency_hertz": (2_400_000_000 + 100_000_000 * (at % 7)),
            "cpu_throttled_flag": np.zeros(len(slots), np.int64),
            "uptime_ns": (slots - self._born) * NS_PER_SECOND,
            "clock_synchronised_flag": np.ones(len(slots), np.int64),
        }
        if self._machine.has_battery:
            # Ninety minutes of work, and half an hour on the dock.
            at_dock = at % 7_200 >= 5_400
            charge = np.where(
                at_dock, 25 + (at % 7_200 - 5_400) / 24, 100 - at % 7_200 / 72
            )
            values |= {
                "battery_percent:BAT0": charge.astype(np.int64),
                "battery_volts:BAT0": np.round(22 + charge * 0.035, 2),
                "battery_watts:BAT0": np.where(at_dock, 240.0, -95.0),
                "external_power_flag": at_dock.astype(np.int64),
            }
        if "wlan0" in self._machine.interfaces:
            signal = -52 + 9 * np.sin(at / 130)
            values["wifi_signal_dbm:wlan0"] = signal.astype(np.int64)
        return values

    def _worker_counts(self, samples: Ints) -> dict[str, Numbers]:
        flat = np.ones(len(samples))
        return {
            "worker_cpu_time_ns": self._draw.normal(9e6, 8e5, len(samples)),
            "worker_sampling_cpu_time_ns": self._draw.normal(2e6, 1e5, len(samples)),
            "worker_samples_total": samples,
            "worker_ticks_skipped_total": flat * 0,
            "worker_batches_shed_total": flat * 0,
        }

    def _worker(self, slots: Ints) -> dict[str, Numbers]:
        waiting = self._machine.late_seconds * (len(self._machine.programs) + 1)
        flat = np.ones(len(slots), np.int64)
        return {
            "worker_memory_rss_bytes": flat * (46 * MIB),
            "worker_tick_lateness_ns": self._draw.integers(40_000, 400_000, len(slots)),
            "outbox_messages": flat * waiting,
            "outbox_bytes": flat * (waiting * 700),
            "clock_offset_ns": self._draw.integers(-900_000, 900_000, len(slots)),
            "clock_round_trip_ns": flat * 700_000,
        }


def held(slots: Ints, seconds: int) -> Ints:
    """Return when what is read every so many *seconds* was read last."""
    return slots - slots % seconds


def _with_totals(
    parts: Sequence[tuple[str, dict[str, Numbers]]],
) -> dict[str, Numbers]:
    """Return what each counts under its name, and together without one."""
    found: dict[str, Numbers] = {}
    for name, counts in parts:
        for key, steps in counts.items():
            whole = steps.astype(np.int64)  # so that the parts add up to the total
            found[f"{key}:{escape(name)}"] = whole
            found[key] = found.get(key, np.zeros_like(whole)) + whole
            assert describe(key).kind == "counter", key
    return found
