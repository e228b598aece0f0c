"""Answer a query for one series: exact samples, or means and extremes on a grid."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from robometrics.api.gaps import GapRow
from robometrics.api.grid import Grid, MetricAnswer, Piece, Range, Value
from robometrics.api.selection import Selected
from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND
from robometrics.store import RESOLUTIONS, Series, Store, Window
from robometrics.store.fold import MetricStats
from robometrics.times import to_ms

RAW_SAMPLES_MAX = 50_000
RAW_VALUES_MAX = 500_000
RAW_RANGE_MAX_NS = 4 * 3600 * NS_PER_SECOND
"""Longer ranges are answered from rollups: decoding them would hold up live viewers."""
_GAP_INTERVALS = 2.5


class SeriesAnswer(msgspec.Struct, kw_only=True):
    """One series: its times and, for each, every metric."""

    host: str
    kind: str
    process: str | None
    gpu: int | None = None
    """Index of a GPU."""

    run: str | None = None
    """Of exact samples: the run they belong to."""

    resolution: str
    """``raw``, ``10s``, ``1m`` or ``1h``: what the answer was made of."""

    step_ms: float
    """Distance of two times; of exact samples, the sampling interval."""

    time_ms: list[float]
    """Milliseconds since the Unix epoch: of a sample, or of the start of a step."""

    metrics: dict[str, MetricAnswer]
    gaps: list[GapRow] = []
    """What is known to be missing in the range, the latest hundred."""


async def exact(
    store: Store, series: Series, selected: Sequence[Selected], span: Range
) -> list[SeriesAnswer]:
    """Return every sample as it was taken, one answer for each run.

    Raises:
        BadRequestError: There are too many.
        RetryLaterError: The database is away.
    """
    runs: dict[str, dict[int, list[Value]]] = {}
    intervals: dict[str, int] = {}
    count = 0
    async for batch in store.batches.read(series, *span.slots()):
        rows = runs.setdefault(batch.run, {})
        intervals[batch.run] = batch.interval_ns
        for index, metric in enumerate(selected):
            for at_ns, value in metric.samples(batch):
                if span.start_ns <= at_ns < span.stop_ns:
                    rows.setdefault(at_ns, [None] * len(selected))[index] = value
        count += len(batch.offset_ns)
        if count > RAW_SAMPLES_MAX:
            raise BadRequestError(
                "resolution",
                f"more than {RAW_SAMPLES_MAX} raw samples; narrow from and to, or "
                "leave the resolution to auto",
            )
    return [
        _exact_answer(series, run, rows, selected, intervals[run])
        for run, rows in runs.items()
    ]


def _exact_answer(
    series: Series,
    run: str,
    rows: dict[int, list[Value]],
    selected: Sequence[Selected],
    interval_ns: int,
) -> SeriesAnswer:
    times: list[float] = []
    columns: list[list[Value]] = [[] for _ in selected]
    before_ns: int | None = None
    for at_ns in sorted(rows):
        if before_ns is not None and at_ns - before_ns > _GAP_INTERVALS * interval_ns:
            times.append(to_ms(before_ns + interval_ns))
            for column in columns:
                column.append(None)
        times.append(to_ms(at_ns))
        for column, value in zip(columns, rows[at_ns], strict=True):
            column.append(value)
        before_ns = at_ns
    return SeriesAnswer(
        host=series.host,
        kind=series.kind,
        process=series.process,
        gpu=series.gpu,
        run=run,
        resolution="raw",
        step_ms=to_ms(interval_ns),
        time_ms=times,
        metrics={
            metric.name: MetricAnswer(unit=metric.unit, values=column)
            for metric, column in zip(selected, columns, strict=True)
        },
    )


async def on_grid(
    store: Store, series: Series, selected: Sequence[Selected], span: Range
) -> SeriesAnswer:
    """Return at most ``span.max_points`` steps, made of the finest stored resolution
    that is not needlessly fine; a step without a sample is ``null``.

    Raises:
        RetryLaterError: The database is away.
    """  # noqa: D205
    source = "raw"
    step_ns = span.wanted_step_ns
    if span.stop_ns - span.start_ns > RAW_RANGE_MAX_NS:
        step_ns = max(step_ns, 10 * NS_PER_SECOND)
    for name, resolution in RESOLUTIONS.items():
        if resolution.window * NS_PER_SECOND <= step_ns:
            source = name
    grid = None
    if source == "raw":
        grid = await _raw_grid(store, series, selected, span)
        source = "raw" if grid else next(iter(RESOLUTIONS))
    if grid is None:
        grid = await _rollup_grid(store, series, selected, span, source)
    return SeriesAnswer(
        host=series.host,
        kind=series.kind,
        process=series.process,
        gpu=series.gpu,
        resolution=source,
        step_ms=to_ms(grid.step_ns),
        time_ms=grid.times_ms(),
        metrics={
            metric.name: grid.answer(index, metric)
            for index, metric in enumerate(selected)
        },
    )


async def _raw_grid(
    store: Store, series: Series, selected: Sequence[Selected], span: Range
) -> Grid | None:
    """Return the grid of all samples; ``None`` if they are too many for that."""
    pieces: list[tuple[int, str, int, float]] = []
    interval_ns = 0
    async for batch in store.batches.read(series, *span.slots()):
        interval_ns = max(interval_ns, batch.interval_ns)
        for index, metric in enumerate(selected):
            pieces += [
                (index, batch.run, at_ns, value)
                for at_ns, value in metric.samples(batch)
            ]
        if len(pieces) > RAW_VALUES_MAX:
            return None
    grid = Grid(
        span,
        span.step_ns(interval_ns or NS_PER_SECOND),
        len(selected),
    )
    weight = (interval_ns or NS_PER_SECOND) / NS_PER_SECOND
    for index, run, at_ns, value in pieces:
        grid.add(index, run, at_ns, Piece(value * weight, weight, value, value))
    return grid


async def _rollup_grid(
    store: Store,
    series: Series,
    selected: Sequence[Selected],
    span: Range,
    source: str,
) -> Grid:
    seconds = RESOLUTIONS[source].window
    step_ns = span.step_ns(seconds * NS_PER_SECOND)
    grid = Grid(span, step_ns, len(selected))
    first, last = span.slots(seconds)
    windows: list[Window] = [
        window
        async for window in store.rollups.read(series, source, first - seconds, last)
    ]
    windows.sort(key=lambda window: (window.run, window.generation, window.start))
    before: Window | None = None
    for window in windows:
        if before is not None and (before.run, before.generation) != (
            window.run,
            window.generation,
        ):
            before = None
        _add_window(grid, selected, window, before)
        before = window
    return grid


def _add_window(
    grid: Grid, selected: Sequence[Selected], window: Window, before: Window | None
) -> None:
    for index, metric in enumerate(selected):
        stats = window.stats.metrics.get(metric.source)
        if stats is None or stats.low is None or stats.high is None:
            continue
        earlier: MetricStats | None = None
        if before is not None:
            earlier = before.stats.metrics.get(metric.source)
        piece = metric.mean_over(
            stats,
            earlier,
            interval_ns=window.stats.interval_ns,
            window_seconds=window.seconds,
        )
        low, high = float(stats.low), float(stats.high)
        if metric.is_rate:
            if piece is None:
                continue
            mean = piece[0] / piece[1]
            low = mean if stats.rate_low is None else stats.rate_low * metric.scale
            high = mean if stats.rate_high is None else stats.rate_high * metric.scale
        grid.add(
            index,
            window.run,
            window.start * NS_PER_SECOND,
            Piece(*(piece or (high, 1.0)), low, high),
        )
