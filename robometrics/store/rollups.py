"""Rollups in MongoDB: windows of 10 s, 1 min and 1 h, folded in any order.

A document is a page of windows of one run. Its ``seen`` holds one bit for each slot
already folded, by minute. An update asks for all its bits to be clear and sets them
with the sums, atomically: a repeated slot makes the upsert fail on the page's id, and
only the slots not seen are tried again. Any number of writers, no order, no owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timezone
from functools import reduce
from typing import Any

import msgspec
from bson.binary import Binary
from bson.int64 import Int64
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from robometrics.schema import AnyBatch
from robometrics.store.driver import Database, plain
from robometrics.store.failures import sort_failures, translated
from robometrics.store.fold import MetricStats, WindowStats, merged, slot_stats
from robometrics.store.keys import (
    Series,
    document_id,
    id_range,
    run_digest,
    series_digest,
)

_MINUTE = 60
_READ_DOCUMENTS = 100
_EXACT_TOTAL_MAX = 2**51  # 3,600 of them, one a slot, still fit an int64


class Resolution(msgspec.Struct, frozen=True):
    """How long a window is, and a page of them; both in seconds."""

    window: int
    page: int


RESOLUTIONS = {
    "10s": Resolution(window=10, page=600),
    "1m": Resolution(window=60, page=3_600),
    "1h": Resolution(window=3_600, page=86_400),
}
COLLECTIONS = {name: f"rollups_{name}" for name in RESOLUTIONS}


class Window(msgspec.Struct, kw_only=True):
    """One run over one window, read back."""

    start: int
    """Seconds since the Unix epoch."""

    seconds: int
    run: str
    generation: int
    stats: WindowStats


class Group(msgspec.Struct):
    """The batches of one run in one minute, folded together."""

    host: str
    kind: str
    name: str
    run: str
    generation: int
    minute: int
    """Start of the minute, seconds since the Unix epoch."""

    slots: dict[int, WindowStats]

    def page_id(self, page: int) -> Binary:
        return document_id(
            series_digest(self.host, self.kind, self.name),
            page,
            run_digest(self.run, self.generation),
        )


GroupKey = tuple[str, str, str, str, int, int]


def group_key(batch: AnyBatch) -> GroupKey:
    """Return what *batch* has in common with those it is folded together with."""
    return (
        batch.host,
        batch.kind,
        batch.name,
        batch.run,
        batch.generation,
        batch.slot - batch.slot % _MINUTE,
    )


def grouped(batches: Iterable[AnyBatch]) -> dict[GroupKey, Group]:
    """Return *batches* by run and minute; copies of one batch count once."""
    groups: dict[GroupKey, Group] = {}
    for batch in batches:
        key = group_key(batch)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(*key, slots={})
        if batch.slot not in group.slots:
            group.slots[batch.slot] = slot_stats(batch)
    return groups


class Rollups:
    """The rollups in one database."""

    def __init__(self, database: Database) -> None:
        self._collections = {
            name: database[collection] for name, collection in COLLECTIONS.items()
        }

    async def fold(self, batches: Iterable[AnyBatch]) -> dict[GroupKey, str]:
        """Fold *batches* into every resolution, each of them exactly once for ever.

        Returns:
            Key and reason of each group the database will never take.

        Raises:
            RetryLaterError: Some may not be folded; fold them all again.
        """
        refused: dict[GroupKey, str] = {}
        groups = grouped(batches)
        for name, resolution in RESOLUTIONS.items():
            todo = {key: group for key, group in groups.items() if key not in refused}
            while todo:
                todo = await self._fold(
                    self._collections[name], resolution, todo, refused
                )
        return refused

    async def _fold(
        self,
        collection: Any,
        resolution: Resolution,
        groups: dict[GroupKey, Group],
        refused: dict[GroupKey, str],
    ) -> dict[GroupKey, Group]:
        """Fold *groups*; return what is left of those that met seen slots."""
        updates = [_update(group, resolution) for group in groups.values()]
        with translated():
            try:
                await collection.bulk_write(updates, ordered=False)
            except BulkWriteError as exc:
                sorted_out = sort_failures(exc)
            else:
                return {}
            keys = list(groups)
            refused |= {keys[i]: why for i, why in sorted_out.refused.items()}
            left = {}
            for index in sorted_out.duplicates:
                key = keys[index]
                rest = await self._unseen(collection, resolution, groups[key])
                if rest.slots:
                    left[key] = rest
        return left

    async def _unseen(
        self, collection: Any, resolution: Resolution, group: Group
    ) -> Group:
        page = group.minute - group.minute % resolution.page
        field = str((group.minute - page) // _MINUTE)
        document = await collection.find_one(
            {"_id": group.page_id(page)}, {f"seen.{field}": 1}
        )
        seen = (document or {}).get("seen", {}).get(field, 0)
        slots = {
            slot: stats
            for slot, stats in group.slots.items()
            if not seen >> (slot - group.minute) & 1
        }
        return msgspec.structs.replace(group, slots=slots)

    async def read(
        self, series: Series, resolution: str, start: int, stop: int
    ) -> AsyncIterator[Window]:
        """Yield the windows of one series that begin in ``[start, stop)``.

        They come page by page: ordered by page, run and time.
        """
        size = RESOLUTIONS[resolution]
        first_page = start - start % size.page
        wanted = {"_id": id_range(series_digest(*series), first_page, stop)}
        with translated():
            cursor = self._collections[resolution].find(
                wanted, batch_size=_READ_DOCUMENTS
            )
            async for document in cursor:
                page = round(document["start"].timestamp())
                for index, fields in sorted(
                    (int(index), fields) for index, fields in document["w"].items()
                ):
                    at = page + index * size.window
                    if start <= at < stop:
                        yield Window(
                            start=at,
                            seconds=size.window,
                            run=document["run"],
                            generation=document["generation"],
                            stats=_stats_of(fields),
                        )


def _update(group: Group, resolution: Resolution) -> UpdateOne:
    page = group.minute - group.minute % resolution.page
    seen = f"seen.{(group.minute - page) // _MINUTE}"
    mask = Int64(sum(1 << (slot - group.minute) for slot in group.slots))

    windows: dict[int, list[WindowStats]] = defaultdict(list)
    for slot, stats in group.slots.items():
        windows[(slot - page) // resolution.window].append(stats)

    change: dict[str, dict[str, Any]] = {"$inc": {}, "$min": {}, "$max": {}}
    for index, parts in windows.items():
        _add_window(change, f"w.{index}", reduce(merged, parts))

    return UpdateOne(
        {
            "_id": group.page_id(page),
            "$or": [{seen: {"$exists": False}}, {seen: {"$bitsAllClear": mask}}],
        },
        {
            **{operator: fields for operator, fields in change.items() if fields},
            "$bit": {seen: {"or": mask}},
            "$setOnInsert": {
                "host": group.host,
                "kind": group.kind,
                "name": group.name,
                "run": group.run,
                "generation": group.generation,
                "start": datetime.fromtimestamp(page, timezone.utc),
                "window_seconds": resolution.window,
            },
        },
        upsert=True,
    )


def _add_window(
    change: dict[str, dict[str, Any]], path: str, window: WindowStats
) -> None:
    change["$inc"][f"{path}.count"] = window.count
    change["$max"][f"{path}.interval_ns"] = window.interval_ns
    for key, stats in window.metrics.items():
        at = f"{path}.m.{key}"
        change["$inc"][f"{at}.n"] = stats.count
        lows: dict[str, Any] = {
            "min": stats.low,
            "t0": stats.first_ns,
            "rmin": stats.rate_low,
        }
        highs: dict[str, Any] = {
            "max": stats.high,
            "t1": stats.last_ns,
            "rmax": stats.rate_high,
        }
        if stats.last is not None:
            exact = -_EXACT_TOTAL_MAX < stats.total < _EXACT_TOTAL_MAX
            change["$inc"][f"{at}.sum"] = stats.total if exact else float(stats.total)
            # Documents compare field by field: the later time wins, whoever comes last.
            highs["last"] = {"t": stats.last_ns, "v": stats.last}
        for operator, fields in (("$min", lows), ("$max", highs)):
            for field, value in fields.items():
                if value is not None:
                    change[operator][f"{at}.{field}"] = value
        for name, count in stats.sketch.items():
            change["$inc"][f"{at}.q.{name}"] = count


def _stats_of(fields: dict[str, Any]) -> WindowStats:
    return WindowStats(
        count=fields["count"],
        interval_ns=plain(fields["interval_ns"]),
        metrics={
            key: MetricStats(
                count=found["n"],
                total=plain(found.get("sum", 0)),
                low=plain(found.get("min")),
                high=plain(found.get("max")),
                first_ns=plain(found.get("t0")),
                last_ns=plain(found.get("t1")),
                last=plain(found["last"]["v"]) if "last" in found else None,
                rate_low=found.get("rmin"),
                rate_high=found.get("rmax"),
                sketch=found.get("q", {}),
            )
            for key, found in fields.get("m", {}).items()
        },
    )
