"""The host through psutil, where there is no ``/proc`` to read."""

from __future__ import annotations

import re

import psutil

from robometrics.publisher.samplers.host import cpu, disks, network
from robometrics.publisher.samplers.host.instances import Counters, key
from robometrics.publisher.samplers.host.machine import Files, Read, Values
from robometrics.schema import NS_PER_SECOND

_VIRTUAL = re.compile(r"(lo|utun|awdl|llw|bridge)\d*|Loopback.*")
_DISK_METRICS = disks.METRICS[:4]


def begin_cpu(_files: Files) -> Read:
    def read() -> Values:
        cores = psutil.cpu_times(percpu=True)
        total = psutil.cpu_times()._asdict()
        values: Values = {
            "cpu_count": len(cores),
            "cpu_time_ns": busy_ns(total),
            "cpu_user_time_ns": _ns(total["user"] + total.get("nice", 0.0)),
            "cpu_system_time_ns": _ns(total["system"]),
        }
        for number, core in enumerate(cores[: cpu.CORES_MAX]):
            values[key("cpu_time_ns", str(number))] = busy_ns(core._asdict())
        return values

    return read


def busy_ns(times: dict[str, float]) -> int:
    """Return the time worked, of psutil's ``cpu_times`` in seconds.

    Waiting for I/O is idle time; guests are counted in user and nice already, and
    Windows counts interrupts in system.
    """
    idle = {"idle", "iowait", "guest", "guest_nice", "interrupt", "dpc"}
    return _ns(sum(seconds for name, seconds in times.items() if name not in idle))


def begin_load(_files: Files) -> Read:
    def read() -> Values:
        metrics = ("load_1m", "load_5m", "load_15m")
        return dict(zip(metrics, psutil.getloadavg(), strict=True))

    return read


def begin_memory(_files: Files) -> Read:
    def read() -> Values:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return {
            "memory_total_bytes": memory.total,
            "memory_available_bytes": memory.available,
            "memory_used_bytes": memory.total - memory.available,
            "memory_free_bytes": memory.free,
            "swap_total_bytes": swap.total,
            "swap_used_bytes": swap.used,
        }

    return read


def begin_disks(_files: Files) -> Read:
    counters = Counters(_DISK_METRICS, disks.DISKS_MAX)

    def read() -> Values:
        found = psutil.disk_io_counters(perdisk=True)
        if not found:
            raise FileNotFoundError("no disks")
        return counters.values(
            {
                name: (io.read_count, io.read_bytes, io.write_count, io.write_bytes)
                for name, io in found.items()
            }
        )

    return read


def begin_network(_files: Files) -> Read:
    counters = Counters(network.METRICS, network.INTERFACES_MAX)

    def read() -> Values:
        return counters.values(
            {
                name: (
                    *(io.bytes_recv, io.bytes_sent),
                    *(io.packets_recv, io.packets_sent),
                    *(io.errin + io.errout, io.dropin + io.dropout),
                )
                for name, io in psutil.net_io_counters(pernic=True).items()
                if not _VIRTUAL.fullmatch(name)
            }
        )

    return read


def begin_battery(_files: Files) -> Read:
    def read() -> Values:
        battery = psutil.sensors_battery()
        if battery is None:
            raise FileNotFoundError("no battery")
        return {
            key("battery_percent", "battery"): battery.percent,
            "external_power_flag": int(bool(battery.power_plugged)),
        }

    return read


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_SECOND)
