"""Metrics of a GPU; those of its memory and load are a process's as well."""

from __future__ import annotations

from robometrics.metrics.kinds import gauge

METRICS = (
    gauge("gpu_memory_used_bytes", "bytes", "GPU memory in use", sketch=True),
    gauge("gpu_utilization_percent", "percent", "GPU busy", sketch=True),
)
DERIVED = ()
