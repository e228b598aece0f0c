"""Where samples come from: the one interface between the evaluator and the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from robometrics.api.prometheus.errors import ExecutionError
from robometrics.api.prometheus.lines import Windows
from robometrics.api.prometheus.vector import Floats, Ints
from robometrics.store import Series

RAW = "raw"
NUMBERS_MAX = 8_000_000

Wanted = Callable[[str], bool]
"""Whether a metric of that name, stored or derived, is asked for."""


class Track(NamedTuple):
    """One metric of one run in one generation of its host's clock, by time."""

    key: str
    """Name of the metric, with its instance if it has one."""

    run: str
    generation: int
    interval_ns: int
    """Longest configured distance of its samples."""

    time_ns: Ints
    value: Floats
    windows: Windows | None = None
    """Of rollups. A counter has two samples a window, its first and its last."""


class Budget:
    """How many numbers one query may hold in memory."""

    def __init__(self, numbers: int = NUMBERS_MAX) -> None:
        self._left = numbers

    def spend(self, numbers: int) -> None:
        """Take *numbers* more.

        Raises:
            ExecutionError: They are too many.
        """
        self._left -= numbers
        if self._left < 0:
            raise ExecutionError(
                "query processing would load too many samples into memory; select "
                "fewer series, a shorter time, or a longer step"
            )


class Source(Protocol):
    """Reads series. All times are ns since the Unix epoch."""

    async def tracks(
        self,
        series: Series,
        resolution: str,
        span: tuple[int, int],
        wanted: Wanted,
        budget: Budget,
    ) -> list[Track]:
        """Return what *series* has in ``[span[0], span[1]]``, and maybe a little more.

        Args:
            series: Host, process or GPU.
            resolution: ``raw`` or a name of ``store.RESOLUTIONS``.
            span: First and last time.
            wanted: Which metrics.
            budget: What may be held in memory.

        Raises:
            ExecutionError: It is more than *budget* allows.
            RetryLaterError: The database is away.
        """
        ...

    async def keys(self, series: Series, span: tuple[int, int]) -> frozenset[str]:
        """Return the keys of the metrics *series* had lately in *span*; derived too.

        Raises:
            RetryLaterError: The database is away.
        """
        ...
