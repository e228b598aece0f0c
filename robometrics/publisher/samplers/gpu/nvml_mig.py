"""How MIG cuts up one NVIDIA GPU.

An instance is no device of its own here: the layout may change at any time, and the
numbers of the other GPUs with it. Its metrics are the GPU's, ``name:gi<G>-ci<C>``.
"""

from __future__ import annotations

import time
from typing import Any

from robometrics.publisher.samplers.gpu.nvml_errors import (
    DEVICE_LOST,
    NEVER,
    SESSION_LOST,
    code_of,
)
from robometrics.publisher.samplers.gpu.pace import Pace
from robometrics.publisher.samplers.gpu.readings import Values
from robometrics.publisher.samplers.gpu.table import Row

_EVERY_SECONDS = 10.0
_CUT = "absent: MIG is off"

MIG_TABLE = (
    Row(
        "gpu_mig_flag", "nvmlDeviceGetMigMode", "the product has no MIG", _EVERY_SECONDS
    ),
    Row(
        "gpu_mig_instance_count",
        "nvmlDeviceGetMigDeviceHandleByIndex",
        _CUT,
        _EVERY_SECONDS,
    ),
    Row(
        "gpu_memory_used_bytes:gi<G>-ci<C>",
        "nvmlDeviceGetMemoryInfo of the instance",
        _CUT,
        _EVERY_SECONDS,
    ),
    Row(
        "gpu_memory_total_bytes:gi<G>-ci<C>",
        "nvmlDeviceGetMemoryInfo of the instance",
        _CUT,
        _EVERY_SECONDS,
    ),
    Row(
        "gpu_sm_count:gi<G>-ci<C>",
        "nvmlDeviceGetAttributes_v2 of the instance",
        _CUT,
        _EVERY_SECONDS,
    ),
)


class NvmlMig:
    """Mode, instances and their memory."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        self._pace = Pace(_EVERY_SECONDS)
        self._is_offered = True
        self.is_on: bool | None = None
        """``None``: the product cannot be cut up."""

    def read(self, now: float) -> Values:
        """Return what is due at *now*.

        Raises:
            NVMLError: The device or the whole session is lost.
        """
        if not self._pace.is_due(now):
            return {}
        unknown: Values = {"gpu_mig_flag": None}
        if not self._is_offered:
            self._pace.took(now, 0.0)
            return unknown
        began = time.perf_counter()
        try:
            return self._layout()
        except self._nvml.NVMLError as exc:
            if code_of(exc) in DEVICE_LOST | SESSION_LOST:
                raise
            self._is_offered = code_of(exc) not in NEVER
            return unknown  # or it was laid out anew meanwhile
        finally:
            self._pace.took(now, time.perf_counter() - began)

    def _layout(self) -> Values:
        self.is_on = bool(self._nvml.nvmlDeviceGetMigMode(self._handle)[0])
        if not self.is_on:
            return {"gpu_mig_flag": 0}
        instances = self._instances()
        values: Values = {
            "gpu_mig_flag": 1,
            "gpu_mig_instance_count": len(instances),
        }
        for name, instance in instances:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(instance)
            cut = self._nvml.nvmlDeviceGetAttributes_v2(instance)
            values[f"gpu_memory_used_bytes:{name}"] = memory.used
            values[f"gpu_memory_total_bytes:{name}"] = memory.total
            values[f"gpu_sm_count:{name}"] = cut.multiprocessorCount
        return values

    def _instances(self) -> list[tuple[str, Any]]:
        nvml = self._nvml
        found = []
        for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(self._handle)):
            try:
                handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(self._handle, number)
            except nvml.NVMLError_NotFound:
                continue  # a place without an instance
            gpu_instance = nvml.nvmlDeviceGetGpuInstanceId(handle)
            compute_instance = nvml.nvmlDeviceGetComputeInstanceId(handle)
            found.append((f"gi{gpu_instance}-ci{compute_instance}", handle))
        return found
