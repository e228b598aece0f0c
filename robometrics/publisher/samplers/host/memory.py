"""Memory and swap: ``/proc/meminfo`` (see proc_meminfo(5))."""

from __future__ import annotations

from robometrics.publisher.samplers.host.fields import number_after
from robometrics.publisher.samplers.host.machine import Values

_METRICS = (
    (b"MemTotal:", "memory_total_bytes"),
    (b"\nMemFree:", "memory_free_bytes"),
    (b"\nMemAvailable:", "memory_available_bytes"),
    (b"\nBuffers:", "memory_buffers_bytes"),
    (b"\nCached:", "memory_cached_bytes"),
    (b"\nShmem:", "memory_shared_bytes"),
    (b"\nSlab:", "memory_slab_bytes"),
    (b"\nDirty:", "memory_dirty_bytes"),
    (b"\nSwapTotal:", "swap_total_bytes"),
    (b"\nSwapFree:", "swap_free_bytes"),
)
_KIB = 1024


def parse(meminfo: bytes) -> Values:
    """Return the metrics in ``/proc/meminfo``; what it does not tell is left out."""
    values: Values = {}
    for name, metric in _METRICS:
        kib = number_after(meminfo, name, b"kB")
        if kib is not None:
            values[metric] = kib * _KIB
    total, available = (
        values.get(f"memory_{each}_bytes") for each in ("total", "available")
    )
    if total is not None and available is not None:
        values["memory_used_bytes"] = total - available
    swap, free = values.get("swap_total_bytes"), values.pop("swap_free_bytes", None)
    if swap is not None and free is not None:
        values["swap_used_bytes"] = swap - free
    return values
