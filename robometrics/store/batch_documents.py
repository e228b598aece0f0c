"""What the documents of batches say; ``batch_encoding`` makes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from bson.binary import Binary

from robometrics.errors import DiscardMessageError
from robometrics.schema import AnyBatch
from robometrics.store import unpacking
from robometrics.store.driver import plain
from robometrics.store.keys import (
    ID_BYTES,
    document_id,
    run_digest,
    series_digest,
    time_of,
)
from robometrics.store.records import Record
from robometrics.store.strips import Label, Strip

GENERATION_MAX = 2**31 - 1  # as the schema has it
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


def strips_of(
    documents: Iterable[Mapping[str, Any]], keys: Collection[str] | None = None
) -> list[RunStrip]:
    """Return the batches of one series in *documents*, a strip for each run.

    Raises:
        DiscardMessageError: Some document is damaged.
    """
    runs: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    try:
        for document in documents:
            runs.setdefault(run_in(document), []).append(document)
        return [RunStrip(*run, _strip(mine, keys)) for run, mine in runs.items()]
    except (LookupError, TypeError, ValueError, OverflowError) as exc:
        raise DiscardMessageError(f"not the document of a batch: {exc!r}") from exc


def _strip(documents: list[Mapping[str, Any]], keys: Collection[str] | None) -> Strip:
    return unpacking.unpack(
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


def slot_of(document: Mapping[str, Any]) -> int:
    """Return the slot of a batch; ``slot`` in its document is for people."""
    return time_of(document["_id"])


def check_identity(document: Mapping[str, Any]) -> None:
    """Check that *document* is about what its id says.

    Raises:
        DiscardMessageError: It is damaged.
    """
    names = [document.get(name) for name in ("host", "kind", "name")]
    if not all(isinstance(name, str) for name in names):
        raise DiscardMessageError("no series")
    run = run_digest(*run_in(document))
    identifier = document["_id"]
    if not isinstance(identifier, bytes) or len(identifier) != ID_BYTES:
        raise DiscardMessageError("no id")
    expected = document_id(series_digest(*names), slot_of(document), run)
    if identifier != bytes(expected):
        raise DiscardMessageError("the id of another series or run")


def run_in(document: Mapping[str, Any]) -> tuple[str, int]:
    """Return run and generation of a batch, or of a block.

    Raises:
        DiscardMessageError: It is damaged.
    """
    run, generation = document.get("run"), document.get("generation")
    if not isinstance(run, str) or not isinstance(generation, int):
        raise DiscardMessageError("no run")
    if not 0 <= generation <= GENERATION_MAX:
        raise DiscardMessageError(f"no generation: {generation}")
    return run, generation
