"""The table of what NVML is asked for: metric, call, conversion, schedule, ``null``.

It drives ``nvml_device``, and ``docs/gpu.md`` is checked against it. Units are those of
NVIDIA's API reference; each conversion to ours stands beside its call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from robometrics.publisher.samplers.gpu.readings import Value

Convert = Callable[[Any], Value]
Ask = Callable[[Any, Any], Any]
"""Called with the module ``pynvml`` and the handle of a device."""

SECOND = 1.0
RARELY = 60.0

UINT_MAX = 2**32 - 1
_ALL_LINKS = UINT_MAX
_PSTATE_UNKNOWN = 32
_NONE_HERE = "the product has none"


class Call(msgspec.Struct, frozen=True):
    """One call of NVML, and the metrics its answer holds."""

    name: str
    """The function, as NVML calls it; what a driver says of it is remembered by it."""

    ask: Ask
    converts: Mapping[str, Convert]
    """Metric to conversion."""

    null: str
    """When the values are ``None``."""

    every_seconds: float = SECOND


class Field(msgspec.Struct, frozen=True):
    """One field of ``nvmlDeviceGetFieldValues``; all that are due are asked at once."""

    metric: str
    name: str
    null: str
    convert: Convert = int
    scope: int = 0
    every_seconds: float = SECOND
    wraps: bool = False
    """A counter of 32 bits on some drivers: it goes on where it wraps."""


def _milli(value: int) -> float:
    return value / 1_000


def _mega(value: int) -> int:
    return value * 1_000_000


def _kibi(value: int) -> int:
    return value * 1_024


def _percent(value: int) -> int | None:
    return value if 0 <= value <= 100 else None  # noqa: PLR2004  as said: percent


def _has(*bits: int) -> Convert:
    mask = sum(bits)
    return lambda reasons: int(bool(reasons & mask))


def _memory(nvml: Any, handle: Any) -> Any:
    try:
        return nvml.nvmlDeviceGetMemoryInfo(handle, nvml.nvmlMemory_v2)
    except (nvml.NVMLError_FunctionNotFound, nvml.NVMLError_NotSupported):
        return nvml.nvmlDeviceGetMemoryInfo(handle)  # before driver 510


def _reasons(nvml: Any, handle: Any) -> Any:
    try:
        return nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except nvml.NVMLError_FunctionNotFound:  # its name before driver 535
        return nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)


def _ecc(kind: str) -> Ask:
    """Volatile: since the driver was loaded, which is the life of our counters too."""
    return lambda nvml, handle: nvml.nvmlDeviceGetTotalEccErrors(
        handle,
        getattr(nvml, f"NVML_MEMORY_ERROR_TYPE_{kind}"),
        nvml.NVML_VOLATILE_ECC,
    )


CALLS = (
    Call(
        "nvmlDeviceGetUtilizationRates",
        lambda nvml, handle: nvml.nvmlDeviceGetUtilizationRates(handle),
        {
            "gpu_utilization_percent": lambda rates: _percent(rates.gpu),
            "gpu_memory_utilization_percent": lambda rates: _percent(rates.memory),
        },
        "MIG is on, or a Jetson",
    ),
    Call(
        "nvmlDeviceGetMemoryInfo_v2",
        _memory,
        {
            "gpu_memory_used_bytes": lambda memory: memory.used,
            "gpu_memory_total_bytes": lambda memory: memory.total,
            "gpu_memory_reserved_bytes": lambda memory: getattr(
                memory, "reserved", None
            ),
        },
        "a Jetson; reserved: a driver before 510, which counts it as used",
    ),
    Call(
        "nvmlDeviceGetPowerUsage",
        lambda nvml, handle: nvml.nvmlDeviceGetPowerUsage(handle),
        {"gpu_power_watts": _milli},
        "no sensor",
    ),
    Call(
        "nvmlDeviceGetEnforcedPowerLimit",
        lambda nvml, handle: nvml.nvmlDeviceGetEnforcedPowerLimit(handle),
        {"gpu_power_limit_watts": _milli},
        "no power management",
        RARELY,
    ),
    Call(
        "nvmlDeviceGetTotalEnergyConsumption",
        lambda nvml, handle: nvml.nvmlDeviceGetTotalEnergyConsumption(handle),
        {"gpu_energy_millijoules_total": int},
        "older than Volta",
    ),
    Call(
        "nvmlDeviceGetTemperature",
        lambda nvml, handle: nvml.nvmlDeviceGetTemperature(
            handle, nvml.NVML_TEMPERATURE_GPU
        ),
        {"gpu_temperature_celsius": int},
        "no sensor",
    ),
    Call(
        "nvmlDeviceGetClockInfo(SM)",
        lambda nvml, handle: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
        {"gpu_clock_hertz": _mega},
        "not told by the product",
    ),
    Call(
        "nvmlDeviceGetClockInfo(MEM)",
        lambda nvml, handle: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
        {"gpu_memory_clock_hertz": _mega},
        "not told by the product",
    ),
    Call(
        "nvmlDeviceGetCurrentClocksEventReasons",
        _reasons,
        {  # bits of nvmlClocksEventReason…
            "gpu_throttled_power_cap_flag": _has(0x04),
            "gpu_throttled_hardware_flag": _has(0x08),
            "gpu_throttled_thermal_flag": _has(0x20, 0x40),
            "gpu_throttled_power_brake_flag": _has(0x80),
        },
        "not told by the product",
    ),
    Call(
        "nvmlDeviceGetPerformanceState",
        lambda nvml, handle: nvml.nvmlDeviceGetPerformanceState(handle),
        {
            "gpu_performance_state_level": lambda state: (
                None if state == _PSTATE_UNKNOWN else state
            )
        },
        "not known to the driver",
    ),
    Call(
        "nvmlDeviceGetFanSpeed",
        lambda nvml, handle: nvml.nvmlDeviceGetFanSpeed(handle),
        {"gpu_fan_percent": int},
        "no fan of its own: cooled by the case, as in servers and laptops",
    ),
    Call(
        "nvmlDeviceGetEncoderUtilization",
        lambda nvml, handle: nvml.nvmlDeviceGetEncoderUtilization(handle)[0],
        {"gpu_encoder_percent": _percent},
        "no encoder, or MIG is on",
    ),
    Call(
        "nvmlDeviceGetDecoderUtilization",
        lambda nvml, handle: nvml.nvmlDeviceGetDecoderUtilization(handle)[0],
        {"gpu_decoder_percent": _percent},
        "no decoder, or MIG is on",
    ),
    Call(
        "nvmlDeviceGetTotalEccErrors(CORRECTED, VOLATILE)",
        _ecc("CORRECTED"),
        {"gpu_ecc_corrected_errors_total": int},
        "no ECC, or it is off",
    ),
    Call(
        "nvmlDeviceGetTotalEccErrors(UNCORRECTED, VOLATILE)",
        _ecc("UNCORRECTED"),
        {"gpu_ecc_uncorrected_errors_total": int},
        "no ECC, or it is off",
    ),
    Call(
        "nvmlDeviceGetCurrPcieLinkGeneration",
        lambda nvml, handle: nvml.nvmlDeviceGetCurrPcieLinkGeneration(handle),
        {"gpu_pcie_generation_level": int},
        "not on PCIe",
    ),
    Call(
        "nvmlDeviceGetCurrPcieLinkWidth",
        lambda nvml, handle: nvml.nvmlDeviceGetCurrPcieLinkWidth(handle),
        {"gpu_pcie_lane_count": int},
        "not on PCIe",
    ),
    Call(
        "nvmlDeviceGetPcieReplayCounter",
        lambda nvml, handle: nvml.nvmlDeviceGetPcieReplayCounter(handle),
        {"gpu_pcie_replays_total": int},
        "not on PCIe",
    ),
    Call(
        "nvmlDeviceGetRemappedRows",
        lambda nvml, handle: nvml.nvmlDeviceGetRemappedRows(handle),
        {
            "gpu_remapped_rows_corrected_count": lambda rows: rows[0],
            "gpu_remapped_rows_uncorrected_count": lambda rows: rows[1],
            "gpu_remap_pending_flag": lambda rows: rows[2],
            "gpu_remap_failed_flag": lambda rows: rows[3],
        },
        "older than Ampere, or no ECC",
        RARELY,
    ),
)

FIELDS = (
    Field(
        "gpu_memory_temperature_celsius",
        "NVML_FI_DEV_MEMORY_TEMP",
        "no sensor in the memory",
    ),
    Field(
        "gpu_pcie_sent_bytes_total",
        "NVML_FI_DEV_PCIE_COUNT_TX_BYTES",
        "a driver before 555, or a product without the counter",
        wraps=True,
    ),
    Field(
        "gpu_pcie_received_bytes_total",
        "NVML_FI_DEV_PCIE_COUNT_RX_BYTES",
        "a driver before 555, or a product without the counter",
        wraps=True,
    ),
    Field(
        "gpu_nvlink_sent_bytes_total",
        "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX",
        _NONE_HERE,
        _kibi,
        _ALL_LINKS,
    ),
    Field(
        "gpu_nvlink_received_bytes_total",
        "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX",
        _NONE_HERE,
        _kibi,
        _ALL_LINKS,
    ),
    Field(
        "gpu_retired_pages_corrected_count",
        "NVML_FI_DEV_RETIRED_SBE",
        "Ampere and later, which remap rows",
        every_seconds=RARELY,
    ),
    Field(
        "gpu_retired_pages_uncorrected_count",
        "NVML_FI_DEV_RETIRED_DBE",
        "Ampere and later, which remap rows",
        every_seconds=RARELY,
    ),
)
