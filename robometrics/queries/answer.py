"""One series in equal steps, whatever it is made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from robometrics.queries import quantiles, reading
from robometrics.queries.grid import Curve, Steps, gather
from robometrics.queries.pieces import Floats, Pieces
from robometrics.queries.plan import Plan, coarser
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Sketches, Store

_SURELY_THERE_SECONDS = 3_600
"""What is younger need not be looked up: no hour is deleted that is under way."""


class SeriesPieces(msgspec.Struct):
    """What is known of one series in a span."""

    series: Series
    source: str
    """``raw``, ``10s``, ``1m`` or ``1h``: what it is made of."""

    steps: Steps
    selected: Sequence[Selected]
    metrics: list[dict[reading.RunId, list[Pieces]]]
    """Of each metric, by run."""

    sketches: list[list[Sketches]]
    """Of each metric; of raw samples none are needed."""

    @property
    def runs(self) -> set[str]:
        return {run for metric in self.metrics for run, _ in metric}

    async def curves(self, belongs: Callable[[str], bool] = bool) -> list[Curve]:
        """Return each metric in equal steps, of the runs that *belongs* accepts."""
        return await asyncio.to_thread(self._gathered, belongs)

    async def quantiles(self, qs: Sequence[float]) -> list[Floats | None]:
        """Return of each metric a row for each step, and a column for each of *qs*.

        ``None``: rollups keep no sketches of it.
        """
        return await asyncio.to_thread(self._quantiles, qs)

    def _quantiles(self, qs: Sequence[float]) -> list[Floats | None]:
        if self.source == "raw":
            return [
                quantiles.of_samples(self.steps, reading.joined(runs.values()), qs)
                for runs in self.metrics
            ]
        return [
            quantiles.of_sketches(self.steps, metric, parts, qs) if parts else None
            for metric, parts in zip(self.selected, self.sketches, strict=True)
        ]

    def _gathered(self, belongs: Callable[[str], bool]) -> list[Curve]:
        return [
            gather(
                self.steps,
                metric,
                reading.joined(parts for run, parts in runs.items() if belongs(run[0])),
            )
            for metric, runs in zip(self.selected, self.metrics, strict=True)
        ]


async def read_pieces(
    store: Store,
    series: Series,
    selected: Sequence[Selected],
    span: Span,
    wanted: Plan,
    *,
    unit_ns: int = 0,
    sketches: bool = False,
) -> SeriesPieces:
    """Return what is known of a series, for at most ``span.max_points`` steps.

    One step more if the span is not aligned to them.

    Args:
        store: The database.
        series: Which.
        selected: The metrics.
        span: The range.
        wanted: What to make it of; windows if raw samples are too many.
        unit_ns: Steps of raw samples are multiples of it; of their interval if 0.
        sketches: Whether to read what quantiles are made of.

    Raises:
        RetryLaterError: The database is away.
    """
    if wanted.source == "raw" and not await _has_raw(store, series, span):
        wanted = coarser(span)
    if wanted.source == "raw":
        try:
            raw = await reading.read_raw(store, series, selected, *span.slots())
        except reading.TooManySamplesError:
            wanted = coarser(span)
        else:
            step_ns = span.step_ns(unit_ns or raw.interval_ns or NS_PER_SECOND)
            steps = Steps.of(span, step_ns)
            return SeriesPieces(series, "raw", steps, selected, raw.metrics, [])
    found = await reading.read_windows(
        store, series, selected, span, wanted, sketches=sketches
    )
    steps = Steps.of(span, wanted.step_ns)
    return SeriesPieces(series, wanted.source, steps, selected, *found)


async def _has_raw(store: Store, series: Series, span: Span) -> bool:
    """Tell whether retention has left the raw samples of *span* alone."""
    first, _ = span.slots()
    if time.time() - first < _SURELY_THERE_SECONDS:
        return True
    marks = await store.marks.read(series)
    return marks.any_before("raw") <= first
