"""The few series with the most of a metric."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

import numpy as np

from robometrics.queries.answer import read_pieces
from robometrics.queries.grid import Curve
from robometrics.queries.plan import plan
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.store import Series, Store

By = Literal["mean", "max", "last"]
_AT_ONCE = 8
_COARSE_POINTS = 20


async def top(
    store: Store,
    found: Sequence[Series],
    metric: Selected,
    span: Span,
    *,
    count: int,
    by: By,
) -> list[Series]:
    """Return the *count* of *found* with the most of *metric*, the greatest first.

    They are compared in a few coarse steps, which is cheap; extremes lose nothing by
    that. What has no value is left out.

    Raises:
        RetryLaterError: The database is away.
    """
    coarse = Span(span.start_ns, span.stop_ns, min(span.max_points, _COARSE_POINTS))
    room = asyncio.Semaphore(_AT_ONCE)

    async def measure(series: Series) -> float | None:
        async with room:
            pieces = await read_pieces(store, series, [metric], coarse, plan(coarse))
            [curve] = await pieces.curves()
        return _size(curve, by)

    measuring = [asyncio.ensure_future(measure(series)) for series in found]
    try:
        measured = zip(found, await asyncio.gather(*measuring), strict=True)
    finally:
        for each in measuring:
            each.cancel()
    sizes = {series: size for series, size in measured if size is not None}
    # Of equals the first by name: an answer must not change by itself.
    return sorted(sizes, key=lambda series: (-sizes[series], series))[:count]


def _size(curve: Curve, by: By) -> float | None:
    values = (curve.high if by == "max" else curve.mean)[~np.isnan(curve.mean)]
    if not len(values):
        return None
    match by:
        case "max":
            return float(values.max())
        case "last":
            return float(values[-1])
        case _:
            return float(values.mean())
