"""Every sample as it was taken, run by run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robometrics.errors import BadRequestError
from robometrics.queries.pieces import values_of
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.store import Series, Store
from robometrics.store.strips import Ints, Numbers, Samples

SAMPLES_MAX = 50_000
_GAP_INTERVALS = 2.5


class Exact(NamedTuple):
    """The samples of one run."""

    run: str
    interval_ns: int
    time_ns: Ints
    columns: list[tuple[NDArray[Any], NDArray[np.bool_]]]
    """Of each metric: values, and where there is one."""


async def read_exact(
    store: Store, series: Series, selected: Sequence[Selected], span: Span
) -> list[Exact]:
    """Return each sample in *span*.

    Raises:
        BadRequestError: There are too many.
        RetryLaterError: The database is away.
    """
    keys = {metric.source for metric in selected}
    found: dict[str, list[list[tuple[Ints, Numbers]]]] = {}
    intervals: dict[str, int] = {}
    count = 0
    async for hour in store.batches.strips(series, *span.slots(), keys):
        for run, _, strip in hour:
            parts = found.setdefault(run, [[] for _ in selected])
            intervals[run] = int(strip.interval_ns[-1])
            count += len(strip.offset_ns)
            for column, metric in zip(parts, selected, strict=True):
                samples = strip.samples(metric.source)
                if samples is not None:
                    column.append(_exact(metric, samples))
        if count > SAMPLES_MAX:
            raise BadRequestError(
                "resolution",
                f"more than {SAMPLES_MAX} raw samples; narrow from and to, leave the "
                "resolution to auto, or use /api/v1/export",
            )
    return [_aligned(run, intervals[run], parts, span) for run, parts in found.items()]


def _exact(metric: Selected, samples: Samples) -> tuple[Ints, Numbers]:
    """Return times and values; integers stay as they are."""
    if not metric.is_rate:
        return samples.time_ns, samples.values
    return values_of(metric, samples)[:2]


def _aligned(
    run: str,
    interval_ns: int,
    parts: Sequence[list[tuple[Ints, Numbers]]],
    span: Span,
) -> Exact:
    """Return the columns of one run beside the times of all of them.

    A time without values stands in each gap, so that no line is drawn across it.
    """
    times = [at_ns for column in parts for at_ns, _ in column]
    at_ns = np.unique(np.concatenate(times)) if times else np.empty(0, np.int64)
    at_ns = at_ns[(span.start_ns <= at_ns) & (at_ns < span.stop_ns)]
    holes = np.flatnonzero(np.diff(at_ns) > _GAP_INTERVALS * interval_ns)
    time_ns = np.insert(at_ns, holes + 1, at_ns[holes] + interval_ns)
    columns: list[tuple[NDArray[Any], NDArray[np.bool_]]] = []
    for column in parts:
        there = np.zeros(len(time_ns), np.bool_)
        values = np.zeros(len(time_ns), np.float64)
        if column:
            mine = np.concatenate([at for at, _ in column])
            numbers = np.concatenate([each for _, each in column])
            inside = (span.start_ns <= mine) & (mine < span.stop_ns)
            at = np.searchsorted(time_ns, mine[inside])
            values = values.astype(numbers.dtype)
            values[at] = numbers[inside]
            there[at] = True
        columns.append((values, there))
    return Exact(run, interval_ns, time_ns, columns)
