"""The host as a whole, read with psutil."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

_NS_PER_SECOND = 1_000_000_000

Value = int | float | None
_failed: set[Callable[[], dict[str, Value]]] = set()


def read_host() -> dict[str, Value]:
    """Return the host's metrics by name, see ``robometrics.metrics``.

    A part the system does not offer, or does not show to this user, is left out.
    """
    values: dict[str, Value] = {"cpu_count": psutil.cpu_count()}
    for read in (_cpu, _memory, _load, _network, _disks):
        try:
            values |= read()
        except Exception:
            # Containers show odd or empty files; what psutil then raises is anything.
            if read not in _failed:
                log.warning("%s: not measured", read.__name__, exc_info=True)
                _failed.add(read)
    return values


def busy_ns(times: dict[str, float]) -> int:
    """Return the time all cores worked, of psutil's ``cpu_times`` in seconds.

    Waiting for I/O is idle time; guests are counted in user and nice already.
    """
    idle = {"idle", "iowait", "guest", "guest_nice"}
    busy = sum(seconds for name, seconds in times.items() if name not in idle)
    return round(busy * _NS_PER_SECOND)


def _cpu() -> dict[str, Value]:
    return {"cpu_time_ns": busy_ns(psutil.cpu_times()._asdict())}


def _memory() -> dict[str, Value]:
    memory = psutil.virtual_memory()
    return {
        "memory_total_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "memory_used_bytes": memory.total - memory.available,
        "swap_used_bytes": psutil.swap_memory().used,
    }


def _load() -> dict[str, Value]:
    return {"load_1m": os.getloadavg()[0]}


def _network() -> dict[str, Value]:
    counters = psutil.net_io_counters(pernic=True)
    # Virtual interfaces come and go with containers, and would count bytes twice.
    real = [counter for name, counter in counters.items() if _is_hardware(name)]
    if not real:
        real = [counter for name, counter in counters.items() if name != "lo"]
    return {
        "network_received_bytes_total": sum(counter.bytes_recv for counter in real),
        "network_sent_bytes_total": sum(counter.bytes_sent for counter in real),
    }


def _is_hardware(interface: str) -> bool:
    return Path("/sys/class/net", interface, "device").exists()


def _disks() -> dict[str, Value]:
    counters = psutil.disk_io_counters()
    if counters is None:
        return {}
    return {
        "disk_read_bytes_total": counters.read_bytes,
        "disk_write_bytes_total": counters.write_bytes,
    }
