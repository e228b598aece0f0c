"""Documents of batches, encoded: the driver has nothing left to do but to send them.

Batches of one layout are encoded together, as a matrix of bytes with a row for each:
a document of its own is half the work of storing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple

import bson
import numpy as np
from bson.raw_bson import RawBSONDocument
from numpy.typing import NDArray

from robometrics import metrics
from robometrics.schema import AnyBatch, GpuBatch, ProcessBatch
from robometrics.store.keys import ID_BYTES, run_digest, series_digest
from robometrics.store.records import Packed, pack_all

_LENGTH_BYTES = 4
_NUMBER_BYTES = 8
_MS_PER_SECOND = 1_000
_EPOCH = datetime.fromtimestamp(0, timezone.utc)
_LONG = 1 << 40
"""Any number that BSON writes with 8 bytes."""

_ID = bson.encode({"_id": bytes(ID_BYTES)})[_LENGTH_BYTES : -ID_BYTES - 1]


class _Head(NamedTuple):
    """What the documents of one run have in common."""

    series: bytes
    run: bytes
    fields: bytes


class _Tail(NamedTuple):
    """What the documents of one layout have in common, and where they differ."""

    fields: bytes
    slot_at: int
    interval_at: int
    last_at: tuple[int, ...]
    data_at: int


def to_documents(batches: Sequence[AnyBatch]) -> list[RawBSONDocument]:
    """Return the document of each of *batches*.

    Raises:
        OverflowError: A number has more than 64 bits.
    """
    documents: dict[int, RawBSONDocument] = {}
    for packed in pack_all(batches):
        mine = [batches[index] for index in packed.indexes]
        for index, batch, tail in zip(
            packed.indexes, mine, _tails(packed, mine), strict=True
        ):
            series, run, fields = _head(*_identity(batch))
            size = _LENGTH_BYTES + len(_ID) + ID_BYTES + len(fields) + len(tail)
            start = batch.slot.to_bytes(4, "big")
            length = size.to_bytes(_LENGTH_BYTES, "little")
            documents[index] = RawBSONDocument(
                b"".join((length, _ID, series, start, run, fields, tail))
            )
    return [documents[index] for index in range(len(batches))]


def _identity(batch: AnyBatch) -> tuple[str, str, str, str, int, int, str, str]:
    pid, uuid, model = 0, "", ""
    if isinstance(batch, ProcessBatch):
        pid = batch.pid
    elif isinstance(batch, GpuBatch):
        uuid, model = batch.uuid, batch.model
    return (
        *(batch.host, batch.kind, batch.name),
        *(batch.run, batch.generation, pid, uuid, model),
    )


@lru_cache(maxsize=65_536)
def _head(  # a cache takes what tells runs apart by position
    host: str,
    kind: str,
    name: str,
    run: str,
    generation: int,
    pid: int,
    uuid: str,
    model: str,
) -> _Head:
    document: dict[str, str | int] = {
        "host": host,
        "kind": kind,
        "name": name,
        "run": run,
        "generation": generation,
    }
    if kind == "process":
        document["pid"] = pid
    elif kind == "gpu":
        document |= {"uuid": uuid, "model": model}
    fields = bson.encode(document)[_LENGTH_BYTES:-1]
    return _Head(series_digest(host, kind, name), run_digest(run, generation), fields)


def _tails(packed: Packed, batches: Sequence[AnyBatch]) -> list[bytes]:
    """Return the ends of the documents of *batches*, which were packed together."""
    # For people who look with MongoDB's own tools. All metrics would be a third of the
    # disk at one sample a second.
    last = {key: found for key, found in packed.last.items() if _is_headline(key)}
    known = tuple((key, found is not None) for key, found in last.items())
    tail = _tail(packed.layout, packed.samples, packed.data.shape[1], known)
    rows = np.empty((len(batches), len(tail.fields)), np.uint8)
    rows[:] = np.frombuffer(tail.fields, np.uint8)
    slots = np.array([batch.slot for batch in batches], np.int64)
    intervals = np.array([batch.interval_ns for batch in batches], np.int64)
    _put(rows, tail.slot_at, slots * _MS_PER_SECOND)
    _put(rows, tail.interval_at, intervals)
    numbers = (found for found in last.values() if found is not None)
    for at, found in zip(tail.last_at, numbers, strict=True):
        _put(rows, at, found)
    rows[:, tail.data_at : -1] = packed.data
    return [row.tobytes() for row in rows]


def _put(
    rows: NDArray[np.uint8], at: int, numbers: NDArray[np.int64] | NDArray[np.float64]
) -> None:
    little = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<"))
    rows[:, at : at + _NUMBER_BYTES] = little.view(np.uint8).reshape(len(rows), -1)


@lru_cache(maxsize=512)
def _tail(
    layout: str, samples: int, data_bytes: int, last: tuple[tuple[str, bool], ...]
) -> _Tail:
    fields = bson.encode(
        {
            "slot": _EPOCH,
            "count": samples,
            "interval_ns": _LONG,
            "layout": layout,
            "last": {key: 0.0 if is_known else None for key, is_known in last},
            "data": bytes(data_bytes),
        }
    )[_LENGTH_BYTES:]
    at = fields.index(b"\3last\0")
    last_at = []
    for key, is_known in last:
        if is_known:
            at = _after(fields, b"\1", key, at)
            last_at.append(at)
    return _Tail(
        fields=fields,
        slot_at=_after(fields, b"\x09", "slot"),
        interval_at=_after(fields, b"\x12", "interval_ns"),
        last_at=tuple(last_at),
        data_at=len(fields) - 1 - data_bytes,
    )


def _after(fields: bytes, kind: bytes, key: str, start: int = 0) -> int:
    """Return where the value of a field begins; *kind* is its type in BSON."""
    name = b"%b%b\0" % (kind, key.encode())
    return fields.index(name, start) + len(name)


@lru_cache(maxsize=65_536)
def _is_headline(key: str) -> bool:
    return metrics.describe(key).sketch
