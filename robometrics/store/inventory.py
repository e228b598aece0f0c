"""Which metrics a series has, and of what numbers: without reading their values."""

from __future__ import annotations

from typing import Any, Literal

from robometrics.store.batches import BLOCKS, COLLECTION, HOUR
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.keys import Series, id_range, series_digest
from robometrics.store.layouts import read_layout

Numbers = Literal["", "integer", "float"]
"""Of what the values of a metric are; empty: it has none, none could be read."""

_FLOAT = "f"
_INTEGERS = "ip"


class Inventory:
    """The metrics in one database."""

    def __init__(self, database: Database) -> None:
        self._fresh = database[COLLECTION]
        self._blocks = database[BLOCKS]

    async def metrics(
        self, series: Series, start: int, stop: int
    ) -> dict[str, Numbers]:
        """Return the metrics of a series in slots ``[start, stop)``, by key.

        It may also tell of those in the same hour before. The database goes through
        layouts and summaries by itself; only what is different comes here.

        Raises:
            DiscardMessageError: A document is damaged.
            RetryLaterError: The database is away.
        """
        found: dict[str, Numbers] = {}
        # As in ``batches``: what is moved meanwhile is seen in one of both.
        for layout in await self._layouts(series, start, stop):
            for field in read_layout(layout).fields:
                if not field.key or field.codec == "o":
                    continue
                numbers: Numbers = ""
                if field.codec in _INTEGERS:
                    numbers = "integer"
                elif field.codec == _FLOAT:
                    numbers = "float"
                found[field.key] = _wider(found.get(field.key, ""), numbers)
        for row in await self._summaries(series, start - start % HOUR, stop):
            for name in row["types"]:
                numbers = "" if name == "missing" else "integer"
                if name == "double":
                    numbers = "float"
                found[row["_id"]] = _wider(found.get(row["_id"], ""), numbers)
        return dict(sorted(found.items()))

    async def _layouts(self, series: Series, start: int, stop: int) -> list[str]:
        stages: list[dict[str, Any]] = [
            {"$match": {"_id": id_range(series_digest(*series), start, stop)}},
            {"$group": {"_id": "$layout"}},
        ]
        return [row["_id"] for row in await _rows(self._fresh, stages)]

    async def _summaries(
        self, series: Series, start: int, stop: int
    ) -> list[dict[str, Any]]:
        return await _rows(
            self._blocks,
            [
                {"$match": {"_id": id_range(series_digest(*series), start, stop)}},
                {"$project": {"metric": {"$objectToArray": "$summary"}}},
                {"$unwind": "$metric"},
                {
                    "$group": {
                        "_id": "$metric.k",
                        "types": {"$addToSet": {"$type": "$metric.v.first"}},
                    }
                },
            ],
        )


async def _rows(collection: Any, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with translated():
        rows: list[dict[str, Any]] = await collection.aggregate(stages).to_list(None)
    return rows


def _wider(one: Numbers, other: Numbers) -> Numbers:
    return "float" if "float" in (one, other) else one or other
