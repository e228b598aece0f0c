"""``with measure() as m``: a block under way, and what it cost once it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from robometrics.lib.measure.counters import Beginning
from robometrics.lib.measure.measurement import FIELDS, Measurement
from robometrics.lib.measure.memory import Peak, high_water

if TYPE_CHECKING:
    from robometrics.lib.measure.gpu import GpuUse


def measure(
    name: str = "block", *, gpu: bool = False, reset_high_water: bool = True
) -> Measuring:
    """Measure a ``with`` block; never raises into it.

    Args:
        name: What ``str`` of the result begins with.
        gpu: Also what this process uses of NVIDIA GPUs. Costs a thread, and the
            start of NVML if this process has not used it yet.
        reset_high_water: Have the kernel watch the peak of memory, which ends its
            watch over the maximum of the whole life (``ru_maxrss``, ``time -v``).
            Without it, or where that is not permitted, a thread samples.

    Returns:
        A ``Measurement`` once the block is over; inside it, ``so_far()`` gives one.
    """
    return Measuring(name, gpu=gpu, reset_high_water=reset_high_water)


class Measuring(Measurement):
    """A block, measured by being the context manager around it."""

    _beginning: Beginning | None
    _peak: Peak
    _gpu: GpuUse | None

    def __init__(self, name: str, *, gpu: bool, reset_high_water: bool) -> None:
        super().__init__(name=name)
        self._wants_gpu = gpu
        self._may_reset = reset_high_water
        self._beginning = None
        self._gpu = None

    def __enter__(self) -> Measuring:  # noqa: PYI034  Self is of Python 3.11
        """Begin.

        Raises:
            RuntimeError: It has begun before.
        """
        if self._beginning is not None:
            raise RuntimeError("each block has its own measurement: call measure()")
        if self._wants_gpu:
            from robometrics.lib.measure.gpu import GpuUse  # noqa: PLC0415  costs NVML

            self._gpu = GpuUse()
        self._peak = high_water.begin(may_reset=self._may_reset)
        self._beginning = Beginning()
        return self

    def __exit__(self, *_: object) -> None:
        self.__dict__.update(self._values(is_over=True))

    def so_far(self) -> Measurement:
        """Return what the block has cost until now.

        Raises:
            RuntimeError: It has not begun.
        """
        if self._is_over():
            return self
        return Measurement(**self._values(is_over=False))

    def _values(self, *, is_over: bool) -> dict[str, Any]:
        beginning = self._beginning
        if beginning is None:
            raise RuntimeError(f"{self.name} has not begun: use it in a with statement")
        values: dict[str, Any] = beginning.until_now()
        peak = self._peak
        if is_over:
            high_water.end(peak)
        else:
            high_water.look(peak)
        if self._gpu is not None:
            values |= self._gpu.end() if is_over else self._gpu.look()
        return values | {
            "name": self.name,
            "began_at_ns": beginning.at_ns,
            "memory_begin_bytes": peak.begin_bytes,
            "memory_end_bytes": peak.end_bytes,
            "peak_memory_bytes": peak.high,
            "peak_memory_method": peak.method,
        }

    if not TYPE_CHECKING:  # a checker shall know the fields, and no others

        def __getattr__(self, name: str) -> Any:
            if name in FIELDS:
                raise AttributeError(
                    f"{name} is known at the end of the block; inside it: so_far()"
                )
            raise AttributeError(f"a measurement has no {name!r}")

    def __repr__(self) -> str:
        if self._is_over():
            return super().__repr__()
        return f"<Measuring {self.name!r}, not over>"

    def __str__(self) -> str:
        return super().__str__() if self._is_over() else repr(self)

    def _is_over(self) -> bool:
        return "wall_time_ns" in self.__dict__
