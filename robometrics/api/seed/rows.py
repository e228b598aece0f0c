"""What older viewers read, by the names they know; ``None``: not known."""

from __future__ import annotations

from typing import Annotated

import msgspec

MachineId = Annotated[str, msgspec.Meta(examples=["robot-7"])]
CreatedAt = Annotated[float, msgspec.Meta(examples=[1_790_000_000.25])]


class StaticRow(msgspec.Struct, kw_only=True):
    """What a machine is."""

    machine_id: MachineId
    cpu_count: int | None = None
    cpu_freq: float | None = None
    """MHz."""

    total_memory: float | None = None
    """GiB."""

    total_gpu_memory: float | None = None
    """MiB."""

    gpu_name: str | None = None
    gpu_count: int | None = None
    gpu_driver_version: str | None = None
    gpu_memory: float | None = None
    """MiB, of the first GPU."""

    created_at: CreatedAt


class MachineRow(msgspec.Struct, kw_only=True):
    """A machine in one second."""

    machine_id: MachineId
    cpu_percent: float | None
    """100: all cores."""

    memory_percent: float | None
    gpu_percent: float | None
    gpu_memory_percent: float | None
    cpu_temp: float | None
    gpu_temp: float | None
    gpu_fan_speed: float | None
    gpu_power_usage: int | None
    """Milliwatts."""

    created_at: CreatedAt


class ProcessRow(msgspec.Struct, kw_only=True):
    """A process in one second."""

    machine_id: MachineId
    pid: int
    name: Annotated[str, msgspec.Meta(examples=["planner"])]
    cpu_percent: float | None
    """100: one core."""

    memory_percent: float | None
    gpu_memory: int | None
    """Bytes."""

    gpu_memory_percent: float | None
    status: str | None = None
    """Not kept."""

    create_time: float | None
    """Its start, seconds since the Unix epoch."""

    num_threads: int | None
    threads: list[int] = []
    """Not kept."""

    parent_process: int | None = msgspec.field(default=None, name="ParentProcess")
    """Not kept."""

    created_at: CreatedAt
