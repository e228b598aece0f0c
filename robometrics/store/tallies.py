"""What workers say they took: one document per tally, written once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from pymongo import ASCENDING

from robometrics.schema import Tally, TallyRow
from robometrics.store.driver import Database, plain
from robometrics.store.failures import insert_new, translated
from robometrics.store.keys import Series
from robometrics.subjects import escape

COLLECTION = "tallies"
INDEXES = (
    (COLLECTION, [("host", ASCENDING), ("from_slot", ASCENDING)]),
    (COLLECTION, [("host", ASCENDING), ("outbox", ASCENDING), ("sequence", ASCENDING)]),
)


class Tallies:
    """The tallies in one database."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, tallies: Sequence[Tally]) -> None:
        """Keep *tallies*; one that is there already is left as it is.

        Raises:
            RetryLaterError: Some may not be kept; insert them all again.
        """
        await insert_new(self._collection, [_to_document(tally) for tally in tallies])

    async def read(self, host: str, start: int, stop: int) -> AsyncIterator[Tally]:
        """Yield the tallies of *host* that begin in ``[start, stop)``, by slot."""
        wanted = {"host": host, "from_slot": {"$gte": start, "$lt": stop}}
        with translated():
            cursor = self._collection.find(wanted).sort("from_slot", ASCENDING)
            async for document in cursor:
                yield _from_document(document)

    async def read_of(
        self, series: Series, start: int, stop: int
    ) -> AsyncIterator[Tally]:
        """Yield the same, but only the rows of one series."""
        wanted = {"host": series.host, "from_slot": {"$gte": start, "$lt": stop}}
        mine = {
            "$and": [
                {"$eq": ["$$row.kind", series.kind]},
                {"$eq": ["$$row.name", {"$literal": series.name}]},
            ]
        }
        rows = {"$filter": {"input": "$rows", "as": "row", "cond": mine}}
        with translated():
            cursor = self._collection.aggregate(
                [{"$match": wanted}, {"$set": {"rows": rows, "events": []}}]
            )
            async for document in cursor:
                yield _from_document(document)


def _to_document(tally: Tally) -> dict[str, Any]:
    """Return *tally*; its id names the host, as a copied disk numbers alike on two."""
    return {
        "_id": f"{escape(tally.host)}/{tally.outbox}-{tally.sequence}",
        "host": tally.host,
        "outbox": tally.outbox,
        "sequence": tally.sequence,
        "generation": tally.generation,
        "from_slot": tally.from_slot,
        "rows": [
            {
                "kind": row.kind,
                "name": row.name,
                "run": row.run,
                "slots": row.slots,
                "samples": row.samples,
            }
            for row in tally.rows
        ],
        "events": tally.events,
    }


def _from_document(document: dict[str, Any]) -> Tally:
    return Tally(
        host=document["host"],
        outbox=document["outbox"],
        sequence=plain(document["sequence"]),
        generation=document["generation"],
        from_slot=document["from_slot"],
        rows=[
            TallyRow(
                kind=row["kind"],
                name=row["name"],
                run=row["run"],
                slots=plain(row["slots"]),
                samples=plain(row["samples"]),
            )
            for row in document["rows"]
        ],
        events=document["events"],
    )
