"""GPUs, and the processes on them, from whatever the host offers.

    nvml.py    NVIDIA, by the driver's library
    jetson.py  NVIDIA's integrated GPUs, by sysfs
    drm.py     AMD and Intel, by sysfs and DRM's fdinfo

Each source returns what it found as ``Device``; ``reader.py`` numbers them and joins
the parts of each process. ``docs/gpu.md`` lists every metric with its source.
"""

from robometrics.publisher.samplers.gpu.reader import GpuReader
from robometrics.publisher.samplers.gpu.readings import GpuReading, GpuRound

__all__ = ["GpuReader", "GpuReading", "GpuRound"]
