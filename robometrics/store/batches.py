"""Samples as they came: one document per batch, written once however often sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timezone
from typing import Any

from bson.binary import Binary
from pymongo import DESCENDING
from pymongo.errors import BulkWriteError

from robometrics import metrics
from robometrics.errors import DiscardMessageError
from robometrics.schema import AnyBatch, GpuBatch, HostBatch, Previous, ProcessBatch
from robometrics.store import columns
from robometrics.store.driver import Database, plain
from robometrics.store.failures import sort_failures, translated
from robometrics.store.keys import (
    SLOT_STOP,
    Series,
    document_id,
    id_range,
    run_digest,
    series_digest,
)

COLLECTION = "batches"
_READ_DOCUMENTS = 500  # larger answers are decoded on the event loop in one go


def batch_id(batch: AnyBatch) -> Binary:
    """Return the id that any copy of *batch* has."""
    return document_id(
        series_digest(batch.host, batch.kind, batch.name),
        batch.slot,
        run_digest(batch.run, batch.generation),
    )


class Batches:
    """The batches in one database."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, batches: Sequence[AnyBatch]) -> dict[int, str]:
        """Store *batches*; those already there are left as they are.

        Returns:
            Position and reason of each batch the database will never take.

        Raises:
            RetryLaterError: Some may not be stored; insert them all again.
        """
        documents = [_to_document(batch) for batch in batches]
        if not documents:
            return {}
        try:
            with translated():
                try:
                    await self._collection.insert_many(documents, ordered=False)
                except BulkWriteError as exc:
                    return sort_failures(exc).refused
        except OverflowError as exc:  # bounded by the schema; a bug if it happens
            raise DiscardMessageError(str(exc)) from exc
        return {}

    async def read(
        self, series: Series, start: int, stop: int
    ) -> AsyncIterator[AnyBatch]:
        """Yield the batches of one series with ``start <= slot < stop``, by slot."""
        wanted = {"_id": id_range(series_digest(*series), start, stop)}
        with translated():
            cursor = self._collection.find(wanted, batch_size=_READ_DOCUMENTS)
            async for document in cursor:
                yield _from_document(document)

    async def newest(self, series: Series) -> AnyBatch | None:
        """Return the batch of the latest slot, ``None`` if there is none."""
        wanted = {"_id": id_range(series_digest(*series), 0, SLOT_STOP)}
        with translated():
            cursor = self._collection.find(wanted).sort("_id", DESCENDING).limit(1)
            async for document in cursor:
                return _from_document(document)
        return None


def _to_document(batch: AnyBatch) -> dict[str, Any]:
    document: dict[str, Any] = {
        "_id": batch_id(batch),
        "host": batch.host,
        "kind": batch.kind,
        "name": batch.name,
        "run": batch.run,
        "generation": batch.generation,
        "slot": datetime.fromtimestamp(batch.slot, timezone.utc),
        "count": len(batch.offset_ns),
        "interval_ns": batch.interval_ns,
        "offset_ns": columns.pack(batch.offset_ns),
        "metrics": {
            key: values[0] if len(values) == 1 else columns.pack(values)
            for key, values in batch.metrics.items()
        },
        "summary": {
            key: _summary(key, values)
            for key, values in batch.metrics.items()
            if len(values) > 1
        },
    }
    if batch.previous is not None:
        document["previous"] = {
            "offset_ns": batch.previous.offset_ns,
            "counters": batch.previous.counters,
        }
    if isinstance(batch, ProcessBatch):
        document["pid"] = batch.pid
    elif isinstance(batch, GpuBatch):
        document["uuid"] = batch.uuid
        document["model"] = batch.model
    return document


def _summary(key: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return what people want to see who look with MongoDB's own tools.

    The ends of a counter are its extremes; of a gauge the ends tell little. So two
    values each will do: all four would be two fifths of the disk.
    """
    present = [value for value in values if value is not None]
    if not present:
        return {}
    if metrics.describe(key).kind == "counter":
        return {"first": present[0], "last": present[-1]}
    return {"min": min(present), "max": max(present)}


def _from_document(document: dict[str, Any]) -> AnyBatch:
    previous = document.get("previous")
    common: dict[str, Any] = {
        "host": document["host"],
        "run": document["run"],
        "generation": document["generation"],
        "slot": round(document["slot"].timestamp()),
        "interval_ns": plain(document["interval_ns"]),
        "offset_ns": columns.unpack(document["offset_ns"]),
        "metrics": {
            key: columns.unpack(value) if isinstance(value, bytes) else [plain(value)]
            for key, value in document["metrics"].items()
        },
        "previous": _previous(previous) if previous else None,
    }
    match document["kind"]:
        case "process":
            return ProcessBatch(process=document["name"], pid=document["pid"], **common)
        case "gpu":
            return GpuBatch(
                index=int(document["name"]),
                uuid=document["uuid"],
                model=document.get("model", ""),
                **common,
            )
        case _:
            return HostBatch(**common)


def _previous(document: dict[str, Any]) -> Previous:
    return Previous(
        offset_ns=plain(document["offset_ns"]),
        counters={key: plain(value) for key, value in document["counters"].items()},
    )
