"""What a query is answered with: series, or groups of them, beside their times."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from robometrics.api.gaps import GapRow
from robometrics.queries.exact import Exact
from robometrics.queries.grid import Curve, Steps, listed
from robometrics.queries.pieces import Floats
from robometrics.queries.selection import Selected
from robometrics.store import Series
from robometrics.times import to_ms

Value = int | float | None


class MetricAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One metric, beside the times of its series or group."""

    unit: str
    values: list[Value]
    """``null`` where nothing was measured."""

    min: list[Value] | None = None
    """Least value in each step; absent where steps are single samples."""

    max: list[Value] | None = None
    quantiles: dict[str, list[Value]] | None = None
    """As asked for, as in ``p95``; absent of a metric that rollups keep none of."""


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


class GroupAnswer(msgspec.Struct, kw_only=True):
    """Several series as one."""

    labels: dict[str, str]
    """What they have in common, as asked for by ``group_by``."""

    series: int
    """How many have a value."""

    resolution: str
    step_ms: float
    time_ms: list[float]
    metrics: dict[str, MetricAnswer]
    """``min`` and ``max`` are bounds: of a sum, the sums of the extremes."""


class Answer(msgspec.Struct, kw_only=True):
    """Series over one range, or groups of them if ``group_by`` was given."""

    from_ms: float
    to_ms: float
    series: list[SeriesAnswer] = []
    groups: list[GroupAnswer] = []


def on_steps(
    selected: Sequence[Selected], curves: Sequence[Curve]
) -> dict[str, MetricAnswer]:
    return {
        metric.name: MetricAnswer(
            unit=metric.unit,
            values=listed(curve.mean),
            min=listed(curve.low),
            max=listed(curve.high),
        )
        for metric, curve in zip(selected, curves, strict=True)
    }


def add_quantiles(
    answer: SeriesAnswer, qs: Sequence[float], found: Sequence[Floats | None]
) -> None:
    for metric, columns in zip(answer.metrics.values(), found, strict=True):
        if columns is not None:
            metric.quantiles = {
                f"p{q * 100:g}": listed(columns[:, i]) for i, q in enumerate(qs)
            }


def series_answer(
    series: Series,
    source: str,
    steps: Steps,
    selected: Sequence[Selected],
    curves: Sequence[Curve],
) -> SeriesAnswer:
    return SeriesAnswer(
        host=series.host,
        kind=series.kind,
        process=series.process,
        gpu=series.gpu,
        resolution=source,
        step_ms=to_ms(steps.step_ns),
        time_ms=steps.times_ms(),
        metrics=on_steps(selected, curves),
    )


def exact_answer(
    series: Series, selected: Sequence[Selected], found: Exact
) -> SeriesAnswer:
    metrics = {}
    for metric, (values, there) in zip(selected, found.columns, strict=True):
        column: list[Value] = values.tolist()
        for index in np.flatnonzero(~there).tolist():
            column[index] = None
        metrics[metric.name] = MetricAnswer(unit=metric.unit, values=column)
    return SeriesAnswer(
        host=series.host,
        kind=series.kind,
        process=series.process,
        gpu=series.gpu,
        run=found.run,
        resolution="raw",
        step_ms=to_ms(found.interval_ns),
        time_ms=[to_ms(at_ns) for at_ns in found.time_ns.tolist()],
        metrics=metrics,
    )
