"""The document of one batch, and strips of such documents."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import numpy as np
from bson.binary import Binary

from robometrics.schema import AnyBatch, GpuBatch, ProcessBatch
from robometrics.store import records
from robometrics.store.driver import plain
from robometrics.store.keys import document_id, run_digest, series_digest
from robometrics.store.records import Record
from robometrics.store.strips import Label, Strip

HIDDEN = {"last": 0}
"""The projection of what programs do not read."""


class RunStrip(NamedTuple):
    """Batches of one run."""

    run: str
    generation: int
    strip: Strip


def batch_id(batch: AnyBatch) -> Binary:
    """Return the id that any copy of *batch* has."""
    return document_id(
        series_digest(batch.host, batch.kind, batch.name),
        batch.slot,
        run_digest(batch.run, batch.generation),
    )


def to_documents(batches: Sequence[AnyBatch]) -> list[dict[str, Any]]:
    return list(map(_to_document, batches, records.pack_all(batches)))


def _to_document(batch: AnyBatch, record: Record) -> dict[str, Any]:
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
        "layout": record.layout,
        "data": record.data,
        # For people who look with MongoDB's own tools.
        "last": {key: values[-1] for key, values in batch.metrics.items()},
    }
    if isinstance(batch, ProcessBatch):
        document["pid"] = batch.pid
    elif isinstance(batch, GpuBatch):
        document["uuid"] = batch.uuid
        document["model"] = batch.model
    return document


def strips_of(
    documents: Iterable[dict[str, Any]], keys: Collection[str] | None = None
) -> list[RunStrip]:
    """Return the batches of one series in *documents*, a strip for each run.

    Raises:
        DiscardMessageError: Some document is damaged.
    """
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for document in documents:
        runs.setdefault((document["run"], document["generation"]), []).append(document)
    return [RunStrip(*run, _strip(mine, keys)) for run, mine in runs.items()]


def _strip(documents: list[dict[str, Any]], keys: Collection[str] | None) -> Strip:
    return records.unpack(
        [Record(document["layout"], document["data"]) for document in documents],
        np.array([slot_of(document) for document in documents], np.int64),
        np.array([plain(document["interval_ns"]) for document in documents], np.int64),
        [
            Label(
                document.get("pid", 0),
                document.get("uuid", ""),
                document.get("model", ""),
            )
            for document in documents
        ],
        keys,
    )


def slot_of(document: dict[str, Any]) -> int:
    moment: datetime = document["slot"]
    return round(moment.timestamp())
