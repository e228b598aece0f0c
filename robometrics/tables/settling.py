"""Which columns a table has, and of what numbers: known before its first row is read.

The metrics of a series come and go, and a file says at its beginning what is in it.
"""

from __future__ import annotations

import asyncio

import msgspec

from robometrics import metrics
from robometrics.errors import BadRequestError
from robometrics.queries.selection import Selected
from robometrics.store import Series, Store
from robometrics.store.batches import HOUR
from robometrics.store.inventory import Numbers
from robometrics.tables.asked import Asked
from robometrics.tables.patience import patiently

COLUMNS_MAX = 2_000
_POINTS_MAX = 1_000_000
_AT_ONCE = 4
_PART_SECONDS = 7 * 86_400


class Measured(msgspec.Struct, frozen=True):
    """One metric of a table."""

    selected: Selected
    is_integer: bool


async def settle(store: Store, asked: Asked) -> list[Measured]:
    """Return the metrics of a wide table, by name or as asked for.

    Raises:
        BadRequestError: They are too many.
        QueryTimeoutError: The database does not answer.
        RetryLaterError: The database is away.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def look(series: Series) -> dict[str, Numbers]:
        async with room:
            return await _keys(store, asked, series)

    found: dict[str, Numbers] = {}
    looking = [asyncio.ensure_future(look(series)) for series in asked.found]
    try:
        for some in await asyncio.gather(*looking):
            _add(found, some)
    finally:
        for each in looking:
            each.cancel()
    if asked.selected is not None:
        chosen = list(asked.selected)
    else:
        chosen = [as_stored(key) for key in sorted(found)]
    columns = len(chosen) if asked.is_raw else 3 * len(chosen)
    if columns > COLUMNS_MAX:
        raise BadRequestError(
            "metric",
            f"{columns:,} columns, at most {COLUMNS_MAX:,}; name the metrics that "
            "are wanted, or use the long layout",
        )
    if asked.resolution == "auto" and len(chosen) * asked.span.max_points > _POINTS_MAX:
        raise BadRequestError(
            "max_points",
            f"{len(chosen)} metrics at {asked.span.max_points:,} points; at most "
            f"{_POINTS_MAX:,} values of a series at once: ask for fewer of either, or "
            "for a resolution",
        )
    return [
        Measured(each, asked.is_raw and _is_integer(each, found)) for each in chosen
    ]


def as_stored(key: str) -> Selected:
    """Return the stored metric *key*, also one that only a later release knows."""
    about = metrics.describe(key)
    return Selected(
        key, about.unit, key, is_rate=False, is_counter=about.kind == "counter"
    )


def _is_integer(metric: Selected, found: dict[str, Numbers]) -> bool:
    if metric.is_rate:
        return False
    numbers = found.get(metric.source, "")
    return numbers == "integer" or (not numbers and metric.is_counter)


async def _keys(store: Store, asked: Asked, series: Series) -> dict[str, Numbers]:
    """Return what *series* has, a part of its time after the other."""
    found: dict[str, Numbers] = {}
    named = asked.selected
    if named is not None and (not asked.is_raw or all(each.is_rate for each in named)):
        return found  # all of them are of floats
    source = "raw" if asked.is_raw else asked.plan.source
    first, last = asked.span.slots()
    for start in range(first - first % HOUR, last, _PART_SECONDS):
        stop = min(start + _PART_SECONDS, last)
        if source == "raw":
            some = await patiently(
                store.inventory.metrics(series, max(start, first), stop)
            )
        else:
            runs = await patiently(store.rollups.columns(series, "1h", start, stop))
            some = {key: "float" for run in runs for key in run.metrics}
        _add(found, some)
    return found


def _add(found: dict[str, Numbers], some: dict[str, Numbers]) -> None:
    for key, numbers in some.items():
        known = found.get(key, "")
        found[key] = "float" if "float" in (known, numbers) else known or numbers
