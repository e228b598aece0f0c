"""What older workers post, by the names they know.

Only what identifies a reading is required. A field nobody knows is left aside, as ever.
Numbers may come as text, as they do of who reads them from a CSV file.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeVar

import msgspec

from robometrics.errors import BadRequestError
from robometrics.schema import Pid

READINGS_MAX = 10_000
"""Of one machine in one post."""

PROCESSES_MAX = 1_000
"""In one post of the present."""

_Percent = Annotated[float, msgspec.Meta(ge=0, le=1e6, examples=[12.5])]
_Celsius = Annotated[float, msgspec.Meta(ge=-273.15, le=1_000, examples=[51.0])]
_Text = Annotated[str, msgspec.Meta(max_length=200)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Small = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Epoch = Annotated[float, msgspec.Meta(examples=[1_790_000_000.25])]


class Post(msgspec.Struct, kw_only=True, frozen=True):
    """What all posts have."""

    created_at: (
        Annotated[
            _Epoch,
            msgspec.Meta(
                description="when it was read, seconds since 1970; null: as it arrives"
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            # As text it would pass, and no bound stops a NaN.
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{field} is not a finite number")


class StaticMachine(Post, frozen=True):
    """What a machine is; posted once, when its worker starts."""

    cpu_count: _Small | None = None
    cpu_freq: Annotated[_Amount, msgspec.Meta(description="MHz")] | None = None
    total_memory: Annotated[_Amount, msgspec.Meta(description="GiB")] | None = None
    total_gpu_memory: Annotated[_Amount, msgspec.Meta(description="MiB")] | None = None
    gpu_name: _Text | None = None
    gpu_count: _Small | None = None
    gpu_driver_version: _Text | None = None
    gpu_memory: (
        Annotated[_Amount, msgspec.Meta(description="MiB, of the first GPU")] | None
    ) = None


class MachineReading(Post, frozen=True):
    """One reading of a machine."""

    cpu_percent: (
        Annotated[_Percent, msgspec.Meta(description="100: all cores")] | None
    ) = None
    memory_percent: _Percent | None = None
    gpu_percent: _Percent | None = None
    gpu_memory_percent: _Percent | None = None
    cpu_temp: Annotated[_Celsius, msgspec.Meta(description="°C")] | None = None
    gpu_temp: Annotated[_Celsius, msgspec.Meta(description="°C")] | None = None
    gpu_fan_speed: _Percent | None = None
    gpu_power_usage: Annotated[_Amount, msgspec.Meta(description="mW")] | None = None


class ProcessReading(Post, frozen=True):
    """One reading of one process."""

    pid: Pid
    name: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=1_000,
            examples=["planner=python3"],
            description="the name it registered under, =, and that of its program",
        ),
    ]
    cpu_percent: (
        Annotated[_Percent, msgspec.Meta(description="100: one core")] | None
    ) = None
    memory_percent: _Percent | None = None
    gpu_memory: (
        Annotated[float, msgspec.Meta(ge=0, le=1e15, description="bytes")] | None
    ) = None
    gpu_memory_percent: _Percent | None = None
    create_time: (
        Annotated[
            float,
            msgspec.Meta(
                ge=0, lt=4_102_444_800, description="its start, seconds since 1970"
            ),
        ]
        | None
    ) = None
    num_threads: _Small | None = None


Processes = Annotated[list[ProcessReading], msgspec.Meta(max_length=PROCESSES_MAX)]
KeptProcesses = Annotated[list[ProcessReading], msgspec.Meta(max_length=READINGS_MAX)]
KeptMachines = Annotated[list[MachineReading], msgspec.Meta(max_length=READINGS_MAX)]

_T = TypeVar("_T")


def checked(data: _T, kind: Any) -> _T:
    """Return *data*, plain as it comes out of JSON, as the *kind* it is to be.

    Litestar would not say which of many is wrong.

    Raises:
        BadRequestError: It is something else, or beyond a bound; it says where.
    """
    try:
        found: _T = msgspec.convert(data, kind, strict=False)
    except msgspec.ValidationError as exc:
        problem, _, where = str(exc).partition(" - at `$")
        raise BadRequestError(where.strip("`.") or "body", problem) from exc
    return found
