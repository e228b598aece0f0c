"""Metrics of a GPU; those of memory, load and engine time are a process's as well.

Of a process, ``name:<index>`` is its part on the GPU of that index, and ``name`` the
sum over all of them. Of a GPU cut up by MIG, ``name:gi<G>-ci<C>`` is one instance.
``docs/gpu.md`` says where each comes from, what it costs, and what ``null`` means.
"""

from __future__ import annotations

from robometrics.metrics.kinds import (
    Derived,
    counter,
    gauge,
    measured_of,
    per_second,
    percent_of,
)

ENERGY = counter(
    "gpu_energy_millijoules_total", "millijoules", "Energy since the driver was loaded"
)
PCIE_SENT = counter("gpu_pcie_sent_bytes_total", "bytes", "Sent over PCIe by the GPU")
PCIE_RECEIVED = counter(
    "gpu_pcie_received_bytes_total", "bytes", "Received over PCIe by the GPU"
)
NVLINK_SENT = counter(
    "gpu_nvlink_sent_bytes_total", "bytes", "Sent over NVLink, all links"
)
NVLINK_RECEIVED = counter(
    "gpu_nvlink_received_bytes_total", "bytes", "Received over NVLink, all links"
)
GPU_TIME = counter(
    "gpu_time_ns",
    "nanoseconds",
    "GPU time of a process, all engines of AMD and Intel GPUs",
    sketch=True,
)
ENGINE_TIME = counter(
    "gpu_engine_time_ns",
    "nanoseconds",
    "GPU time of a process by GPU and engine, as in 0-render",
)

_USE = (
    gauge("gpu_utilization_percent", "percent", "GPU busy", sketch=True),
    gauge(
        "gpu_memory_utilization_percent", "percent", "Memory of the GPU read or written"
    ),
    gauge("gpu_encoder_percent", "percent", "Video encoder busy"),
    gauge("gpu_decoder_percent", "percent", "Video decoder busy"),
    gauge("gpu_memory_used_bytes", "bytes", "GPU memory in use", sketch=True),
    gauge("gpu_shared_memory_used_bytes", "bytes", "Memory of the host the GPU uses"),
)
_DEVICE = (
    gauge("gpu_memory_total_bytes", "bytes", "GPU memory there is"),
    gauge("gpu_memory_reserved_bytes", "bytes", "GPU memory the driver keeps"),
    gauge("gpu_power_watts", "watts", "Power drawn", sketch=True),
    gauge("gpu_power_limit_watts", "watts", "Power the GPU is held to"),
    gauge("gpu_board_power_watts", "watts", "Power of the whole module of a Jetson"),
    gauge("gpu_temperature_celsius", "celsius", "Temperature of the GPU"),
    gauge("gpu_memory_temperature_celsius", "celsius", "Temperature of its memory"),
    gauge("gpu_clock_hertz", "hertz", "Clock of its processors"),
    gauge("gpu_memory_clock_hertz", "hertz", "Clock of its memory"),
    gauge("gpu_fan_percent", "percent", "Fan, of its highest speed"),
    gauge("gpu_fan_rpm", "revolutions per minute", "Speed of its fan"),
    gauge(
        "gpu_performance_state_level", "level", "P-state: 0 is the fastest, 15 the last"
    ),
    gauge("gpu_pcie_generation_level", "level", "PCIe generation the link runs at now"),
    gauge("gpu_pcie_lane_count", "count", "PCIe lanes the link uses now"),
)
_THROTTLES = (
    gauge("gpu_throttled_power_cap_flag", "flag", "1: slowed to keep its power limit"),
    gauge(
        "gpu_throttled_power_brake_flag", "flag", "1: slowed by the host's power supply"
    ),
    gauge("gpu_throttled_thermal_flag", "flag", "1: slowed because it is hot"),
    gauge(
        "gpu_throttled_hardware_flag",
        "flag",
        "1: slowed at once by hardware: heat, power brake or supply",
    ),
)
_HEALTH = (
    counter(
        "gpu_ecc_corrected_errors_total",
        "count",
        "Memory errors corrected since the driver was loaded",
    ),
    counter(
        "gpu_ecc_uncorrected_errors_total",
        "count",
        "Memory errors not corrected since the driver was loaded",
    ),
    counter("gpu_pcie_replays_total", "count", "PCIe packets sent again"),
    gauge(
        "gpu_retired_pages_corrected_count",
        "count",
        "Memory pages retired after corrected errors",
        period_seconds=60,
    ),
    gauge(
        "gpu_retired_pages_uncorrected_count",
        "count",
        "Memory pages retired after an uncorrected error",
        period_seconds=60,
    ),
    gauge(
        "gpu_remapped_rows_corrected_count",
        "count",
        "Memory rows remapped after corrected errors",
        period_seconds=60,
    ),
    gauge(
        "gpu_remapped_rows_uncorrected_count",
        "count",
        "Memory rows remapped after uncorrected errors",
        period_seconds=60,
    ),
    gauge(
        "gpu_remap_pending_flag",
        "flag",
        "1: a row waits for a GPU reset",
        period_seconds=60,
    ),
    gauge(
        "gpu_remap_failed_flag", "flag", "1: remapping a row failed", period_seconds=60
    ),
)
_MIG = (
    gauge("gpu_mig_flag", "flag", "1: the GPU is cut up by MIG", period_seconds=10),
    gauge("gpu_mig_instance_count", "count", "MIG instances", period_seconds=10),
    gauge(
        "gpu_sm_count", "count", "Multiprocessors of a MIG instance", period_seconds=10
    ),
)
_IDLE = (counter("gpu_idle_time_ns", "nanoseconds", "Time an Intel GPU slept"),)

METRICS = (
    *measured_of(("process", "gpu"), *_USE),
    *measured_of(
        ("gpu",),
        *_DEVICE,
        *_THROTTLES,
        *_HEALTH,
        *_MIG,
        *_IDLE,
        ENERGY,
        PCIE_SENT,
        PCIE_RECEIVED,
        NVLINK_SENT,
        NVLINK_RECEIVED,
    ),
    *measured_of(("process",), GPU_TIME, ENGINE_TIME),
)
DERIVED = (
    *map(per_second, (PCIE_SENT, PCIE_RECEIVED, NVLINK_SENT, NVLINK_RECEIVED)),
    Derived(
        name="gpu_mean_power_watts",
        unit="watts",
        source=ENERGY.name,
        scale=1e-3,
        description="Power drawn, from the energy counter: no peak escapes it",
    ),
    percent_of(GPU_TIME, "gpu_time_percent", "GPU time; 100: one engine all the time"),
    percent_of(
        ENGINE_TIME, "gpu_engine_percent", "GPU time of one engine; 100 is all the time"
    ),
)
