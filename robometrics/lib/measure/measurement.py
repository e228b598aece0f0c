"""The result: what a block cost, each figure with its unit in its name."""

from __future__ import annotations

from typing import Any

from robometrics.lib.measure.text import duration, size


class Measurement:
    """What one block cost. Of the whole process, unless a field says otherwise.

    ``None`` is what this system does not tell. Nothing of it changes any more. No
    dataclass, as their import alone costs more than all the rest of this package.
    """

    name: str

    began_at_ns: int
    """When the block began, nanoseconds since the Unix epoch."""

    wall_time_ns: int
    """From its beginning to its end, by the monotonic clock."""

    cpu_time_ns: int
    """CPU time of all threads, user and system."""

    cpu_user_time_ns: int | None
    cpu_system_time_ns: int | None
    """The kernel's own split of it (getrusage(2)), in steps of a microsecond."""

    thread_cpu_time_ns: int | None
    """CPU time of the measuring thread; ``None`` if the block ended in another one."""

    children_cpu_time_ns: int | None
    """CPU time of children that were waited for inside, over their whole lives."""

    memory_begin_bytes: int | None
    memory_end_bytes: int | None
    """Resident memory when the block began, and when it ended."""

    peak_memory_bytes: int | None
    """The most resident memory at any time inside the block."""

    peak_memory_method: str | None
    """``kernel``: by its high-water mark, no peak is too short for it; ``sampled``:
    the highest of a hundred readings a second, shorter peaks may be missed."""

    minor_faults: int | None
    major_faults: int | None
    """Page faults without and with reading from storage."""

    voluntary_switches: int | None
    involuntary_switches: int | None
    """Context switches: it waited, or the kernel took the core away."""

    io_read_bytes: int | None
    io_write_bytes: int | None
    """What reached storage or came from it, proc(5) ``io``; this and the next two
    include children that were waited for inside."""

    syscall_read_bytes: int | None
    syscall_write_bytes: int | None
    """What went through read(2), write(2) and the like: files, pipes, terminals."""

    gpu_peak_memory_bytes: int | None = None
    """The most memory of this process on all GPUs, read once a second and at both
    ends. This and what follows only with ``gpu=True``."""

    gpu_utilization_percent: float | None = None
    """Mean share of the time in which kernels of this process ran; 100 is one GPU."""

    gpu_energy_joules: float | None = None
    """Energy of the GPUs this process held memory on, other processes' work too."""

    gpu_unavailable: str | None = None
    """Why a figure of the GPU is missing, if it was asked for."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"{name} was measured, and does not change")
        self.__dict__[name] = value

    @property
    def total_cpu_time_ns(self) -> int:
        """CPU time of this process, and of the children waited for inside."""
        return self.cpu_time_ns + (self.children_cpu_time_ns or 0)

    @property
    def cpu_percent(self) -> float | None:
        """``total_cpu_time_ns`` over the wall time; 100 is one core."""
        if not self.wall_time_ns:
            return None
        return 100 * self.total_cpu_time_ns / self.wall_time_ns

    @property
    def peak_memory_growth_bytes(self) -> int | None:
        """By how much the peak was above the memory at the beginning."""
        if self.peak_memory_bytes is None or self.memory_begin_bytes is None:
            return None
        return self.peak_memory_bytes - self.memory_begin_bytes

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Return all figures, the derived ones too, ready for JSON."""
        values = {name: getattr(self, name) for name in FIELDS}
        for name in ("total_cpu_time_ns", "cpu_percent", "peak_memory_growth_bytes"):
            values[name] = getattr(self, name)
        return values

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in FIELDS)
        return f"Measurement({values})"

    def __str__(self) -> str:
        return f"{self.name}: " + ", ".join(self._parts())

    def _parts(self) -> list[str]:
        parts = [duration(self.wall_time_ns)]
        percent = self.cpu_percent
        share = "" if percent is None else f" ({percent:.0f} %)"
        parts.append(f"CPU {duration(self.total_cpu_time_ns)}{share}")
        if self.children_cpu_time_ns:
            parts[-1] += f", children's {duration(self.children_cpu_time_ns)} of it"
        if self.peak_memory_bytes is not None:
            about = "about " if self.peak_memory_method == "sampled" else ""
            growth = self.peak_memory_growth_bytes
            grown = "" if growth is None else f" (+{size(max(growth, 0))})"
            parts.append(f"peak memory {about}{size(self.peak_memory_bytes)}{grown}")
        if self.io_read_bytes:
            parts.append(f"storage read {size(self.io_read_bytes)}")
        if self.io_write_bytes:
            parts.append(f"storage written {size(self.io_write_bytes)}")
        if self.gpu_peak_memory_bytes is not None:
            parts.append(f"GPU memory {size(self.gpu_peak_memory_bytes)}")
        if self.gpu_utilization_percent is not None:
            parts.append(f"GPU {self.gpu_utilization_percent:.0f} %")
        if self.gpu_energy_joules is not None:
            parts.append(f"GPU energy {self.gpu_energy_joules:,.0f} J")
        return parts


FIELDS = tuple(Measurement.__annotations__)
