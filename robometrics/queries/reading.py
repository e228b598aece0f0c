"""Read what a plan asks for: pieces of each run, of windows and of raw samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from robometrics.queries.pieces import Pieces, of_samples, of_windows
from robometrics.queries.plan import Plan, raw_from
from robometrics.queries.quantiles import sketch_of
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Sketches, Store

RAW_SAMPLES_MAX = 1_000_000

RunId = tuple[str, int]


class TooManySamplesError(Exception):
    """There are more raw samples than one answer is made of."""


class Folded(NamedTuple):
    """Windows as pieces, and raw samples where windows are not yet."""

    metrics: list[dict[RunId, list[Pieces]]]
    """Of each metric, by run."""

    sketches: list[list[Sketches]]
    """The same of each metric, as counts that quantiles are made of."""


class Raw(NamedTuple):
    """Raw samples, as pieces."""

    metrics: list[dict[RunId, list[Pieces]]]
    """Of each metric, by run."""

    interval_ns: int
    """Longest distance of samples as configured; 0 if there are none."""


async def read_raw(
    store: Store, series: Series, selected: Sequence[Selected], start: int, stop: int
) -> Raw:
    """Return the samples in slots ``[start, stop)``.

    Raises:
        TooManySamplesError: There are more than a million.
        RetryLaterError: The database is away.
    """
    metrics: list[dict[RunId, list[Pieces]]] = [{} for _ in selected]
    interval_ns = samples_read = 0
    keys = {metric.source for metric in selected}
    async for hour in store.batches.strips(series, start, stop, keys):
        for run, generation, strip in hour:
            interval_ns = max(interval_ns, int(strip.interval_ns.max()))
            samples_read += len(strip.offset_ns)
            for found, metric in zip(metrics, selected, strict=True):
                samples = strip.samples(metric.source)
                if samples is not None:
                    pieces = of_samples(metric, samples)
                    found.setdefault((run, generation), []).append(pieces)
        if samples_read > RAW_SAMPLES_MAX:
            raise TooManySamplesError
    return Raw(metrics, interval_ns)


async def read_windows(
    store: Store,
    series: Series,
    selected: Sequence[Selected],
    span: Span,
    found: Plan,
    *,
    sketches: bool = False,
) -> Folded:
    """Return the windows of *span*, and raw samples where windows are not yet.

    Args:
        store: The database.
        series: Which.
        selected: The metrics.
        span: The range.
        found: Of which windows.
        sketches: Whether to read what quantiles are made of.

    Raises:
        TooManySamplesError: Of the latter there are more than a million.
        RetryLaterError: The database is away.
    """
    seconds = found.window_seconds
    first, last = span.slots(seconds)
    keys = {metric.source for metric in selected}
    # One more before the first: a counter's increase begins where that one ended.
    runs = await store.rollups.columns(
        series, found.source, first - seconds, last, keys, sketches=sketches
    )
    newest = max((int(run.start[-1]) for run in runs if len(run.start)), default=None)
    raw_start = raw_from(found, newest)
    until = last if raw_start is None else raw_start
    result = Folded([{} for _ in selected], [[] for _ in selected])
    for run in runs:
        for index, metric in enumerate(selected):
            pieces = of_windows(metric, run, seconds)
            if pieces is None:
                continue
            result.metrics[index][run.run, run.generation] = [before(pieces, until)]
            sketch = run.metrics[metric.source].sketch
            if sketch is not None and len(sketch.code):
                result.sketches[index].append(sketch.between(first, until))
    if until < last:
        raw = await read_raw(store, series, selected, max(until, first), last)
        for index, fresh in enumerate(raw.metrics):
            for key, parts in fresh.items():
                result.metrics[index].setdefault(key, []).extend(parts)
            # Of some metrics windows have no sketches: then of none of its time.
            if sketches and result.sketches[index]:
                result.sketches[index].append(
                    sketch_of(selected[index], joined(fresh.values()))
                )
    return result


def before(pieces: Pieces, slot: int) -> Pieces:
    """Return those of *pieces* that begin before *slot*."""
    stop = int(np.searchsorted(pieces.at_ns, slot * NS_PER_SECOND))
    return pieces.at(slice(stop))


def joined(runs: Iterable[list[Pieces]]) -> list[Pieces]:
    """Return the pieces of each run in one."""
    return [
        parts[0]
        if len(parts) == 1
        else Pieces(*map(np.concatenate, zip(*parts, strict=True)))
        for parts in runs
    ]
