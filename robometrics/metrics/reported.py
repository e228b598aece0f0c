"""Metrics as older workers report them over HTTP, see ``docs/seed.md``.

They publish percentages, of a window nobody else knows, so these are gauges of their
own: none can be compared with a counter's rate. The number of threads and the GPU
memory of a process mean what they do elsewhere, and have the names they have there.
"""

from __future__ import annotations

from robometrics.metrics.kinds import Derived, Metric, gauge, measured_of


def _percent(name: str, description: str) -> Metric:
    return gauge(f"reported_{name}_percent", "percent", description, sketch=True)


METRICS = (
    *measured_of(
        ("process", "host"),
        _percent(
            "cpu", "CPU use as reported; of a host 100 is all cores, else one core"
        ),
        _percent("memory", "Share of the memory as reported"),
        _percent("gpu_memory", "GPU memory as reported; from NVIDIA cards 0 to 1"),
    ),
    *measured_of(
        ("host",),
        _percent("gpu", "GPU use as reported; from NVIDIA cards memory in use, 0 to 1"),
        gauge("reported_cpu_temperature_celsius", "celsius", "CPU, as reported"),
        gauge("reported_gpu_temperature_celsius", "celsius", "GPU, as reported"),
        gauge("reported_gpu_fan_percent", "percent", "Fan of the GPU, as reported"),
        gauge("reported_gpu_power_watts", "watts", "Power of the GPU, as reported"),
    ),
)
DERIVED: tuple[Derived, ...] = ()
