"""Read what a table is of, portion by portion: one run in one hour, or some steps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robometrics.queries.answer import read_pieces
from robometrics.queries.grid import Curve, Steps
from robometrics.queries.pieces import rates
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.store import Series, Store
from robometrics.store.batch_documents import RunStrip
from robometrics.store.strips import Ints
from robometrics.tables.asked import Asked
from robometrics.tables.settling import as_stored

_STEPS_VALUES = 200_000


class Cells(NamedTuple):
    """One column of a portion."""

    values: NDArray[Any]
    there: NDArray[np.bool_]
    """Where there is a value."""


class Portion(NamedTuple):
    """Some rows of one series, by time."""

    series: Series
    run: str | None
    """``None``: steps are of all runs."""

    generation: int | None
    time_ns: Ints
    """Since the Unix epoch: of a sample, or of the start of a step."""

    metrics: dict[Selected, tuple[Cells, ...]]
    """Of a sample its value, of a step mean, least and greatest."""


Made = Callable[[], Iterator[Portion]]
"""Makes portions of what was read. It takes milliseconds: call it in a thread."""


async def portions(
    store: Store, asked: Asked, chosen: Sequence[Selected] | None
) -> AsyncGenerator[Made, None]:
    """Yield what is asked for, series by series, each by time.

    Args:
        store: The database.
        asked: Of what.
        chosen: Metrics; ``None``, of raw samples only: whatever there is.

    Raises:
        RetryLaterError: The database is away.
    """
    keys = None if chosen is None else {metric.source for metric in chosen}
    for series in asked.found:
        if asked.is_raw:
            strips = store.batches.strips(series, *asked.span.slots(), keys)
            async for hour in strips:
                yield partial(_samples, asked.span, series, hour, chosen)
            continue
        for span in _parts(asked, len(chosen or ())):
            pieces = await read_pieces(store, series, chosen or (), span, asked.plan)
            curves = await pieces.curves()
            yield partial(_steps, series, pieces.steps, chosen or (), curves)


def _samples(
    span: Span,
    series: Series,
    hour: Sequence[RunStrip],
    chosen: Sequence[Selected] | None,
) -> Iterator[Portion]:
    """Yield the samples of each run, but those that have none of the metrics."""
    for run, generation, strip in hour:
        time_ns = strip.time_ns
        used = np.zeros(len(time_ns), np.bool_)
        metrics: dict[Selected, tuple[Cells, ...]] = {}
        for metric in map(as_stored, strip.columns) if chosen is None else chosen:
            samples = strip.samples(metric.source)
            if samples is None:
                continue
            column = strip.columns[metric.source]
            at, values = strip.positions(column)[column.present], samples.values
            if metric.is_rate:
                known, values = rates(metric, samples)
                at = at[known]
            cells = Cells(np.zeros(len(time_ns), values.dtype), np.zeros_like(used))
            cells.values[at] = values
            cells.there[at] = True
            used |= cells.there
            metrics[metric] = (cells,)
        used &= (span.start_ns <= time_ns) & (time_ns < span.stop_ns)
        found = Portion(series, run, generation, time_ns, metrics)
        yield _only(found, used)


def _steps(
    series: Series, steps: Steps, chosen: Sequence[Selected], curves: Sequence[Curve]
) -> Iterator[Portion]:
    """Yield the steps in which something was measured."""
    time_ns = steps.start_ns + np.arange(steps.size) * steps.step_ns
    used = np.zeros(steps.size, np.bool_)
    metrics: dict[Selected, tuple[Cells, ...]] = {}
    for metric, curve in zip(chosen, curves, strict=True):
        metrics[metric] = tuple(Cells(each, ~np.isnan(each)) for each in curve)
        used |= metrics[metric][0].there
    yield _only(Portion(series, None, None, time_ns, metrics), used)


def _only(found: Portion, used: NDArray[np.bool_]) -> Portion:
    if used.all():
        return found
    return found._replace(
        time_ns=found.time_ns[used],
        metrics={
            metric: tuple(Cells(each.values[used], each.there[used]) for each in cells)
            for metric, cells in found.metrics.items()
        },
    )


def _parts(asked: Asked, metrics: int) -> Iterator[Span]:
    """Yield the span in parts of whole steps, as long as fit into memory."""
    span, step_ns = asked.span, asked.plan.step_ns
    if asked.resolution == "auto":
        yield span
        return
    steps = max(100, _STEPS_VALUES // max(1, metrics))
    start_ns = span.start_ns - span.start_ns % step_ns
    for first_ns in range(start_ns, span.stop_ns, steps * step_ns):
        last_ns = min(first_ns + steps * step_ns, span.stop_ns)
        points = -((first_ns - last_ns) // step_ns)
        yield Span(first_ns, last_ns, points)
