"""Blocks: up to an hour of one run in one document, each metric in a field of its own.

A query reads only the fields of the metrics it wants. What follows from a neighbour is
not stored: the counters before a batch are mostly those at the end of the batch before.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone
from typing import Any, cast

import msgspec
import numpy as np

from robometrics.errors import DiscardMessageError
from robometrics.schema import NS_PER_SECOND
from robometrics.store import numbers
from robometrics.store.strips import (
    Bools,
    Column,
    Ints,
    Label,
    Numbers,
    Strip,
)

VERSION = 1
FIELDS = ("version", "labels", "rows")
"""What ``unpack`` needs beside the metrics."""


class _Rows(msgspec.Struct, array_like=True, frozen=True):
    """What belongs to the batches, and when their samples were."""

    slots: bytes
    counts: bytes
    interval_ns: bytes
    lateness_ns: bytes
    """Of each sample: behind the grid that begins with its slot."""

    odd_rows: bytes
    """Batches whose sample before is not the last one of the batch before."""

    odd_before_ns: bytes
    label_of: bytes


class _Values(msgspec.Struct, array_like=True, frozen=True):
    """One metric."""

    forms: bytes
    values: bytes
    """Only those that are there."""

    present: bytes
    """One bit for each value; empty: all are there."""

    is_chained: bool
    """Whether a batch mostly tells the counter before it."""

    odd_rows: bytes
    """Batches of which that is not so, or of which the counter is another."""

    odd_chained: bytes
    odd_before: bytes


_encode = msgspec.msgpack.Encoder().encode
_rows_decoder = msgspec.msgpack.Decoder(_Rows)
_values_decoder = msgspec.msgpack.Decoder(_Values)


def pack(strip: Strip) -> dict[str, Any]:
    """Return the fields of the document that holds *strip*, but for whose it is."""
    counts, interval_ns = strip.counts, strip.interval_ns
    before_ns = _expected_before_ns(strip.slots, strip.offset_ns, counts)
    odd = np.flatnonzero(strip.before_ns != before_ns)
    rows = _Rows(
        slots=numbers.pack(strip.slots),
        counts=numbers.pack(counts),
        interval_ns=numbers.pack(interval_ns),
        lateness_ns=numbers.pack(strip.offset_ns - _grid_ns(counts, interval_ns)),
        odd_rows=numbers.pack(odd),
        odd_before_ns=numbers.pack(strip.before_ns[odd]),
        label_of=numbers.pack(strip.label_of),
    )
    return {
        "version": VERSION,
        "first": _moment(strip.slots[0]),
        "last": _moment(strip.slots[-1]),
        "batches": len(strip),
        "samples": int(counts.sum()),
        "labels": [
            {name: said for name, said in label._asdict().items() if said}
            for label in strip.labels
        ],
        "rows": _encode(rows),
        "metrics": {
            key: _encode(_pack_column(strip, column))
            for key, column in strip.columns.items()
        },
        "summary": {key: _summary(column) for key, column in strip.columns.items()},
    }


def unpack(document: dict[str, Any], keys: Collection[str] | None = None) -> Strip:
    """Return the batches in *document*.

    Args:
        document: With all fields of ``pack``; of the metrics only *keys* are needed.
        keys: The metrics to unpack; all if not given.

    Raises:
        DiscardMessageError: It is not such a document, or of a later version.
    """
    try:
        return _unpack(document, keys)
    except (KeyError, ValueError, IndexError, TypeError, msgspec.MsgspecError) as exc:
        raise DiscardMessageError(f"not a block: {exc!r}") from exc


def read_counts(document: dict[str, Any]) -> dict[int, int]:
    """Return the number of samples in each slot of the batches in *document*."""
    rows = _rows_decoder.decode(document["rows"])
    slots, counts = numbers.unpack(rows.slots), numbers.unpack(rows.counts)
    return dict(zip(slots.tolist(), counts.tolist(), strict=True))


def _unpack(document: dict[str, Any], keys: Collection[str] | None) -> Strip:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']}; known is {VERSION}")
    rows = _rows_decoder.decode(document["rows"])
    slots, counts = _ints(rows.slots), _ints(rows.counts)
    interval_ns = _ints(rows.interval_ns)
    offset_ns = _ints(rows.lateness_ns) + _grid_ns(counts, interval_ns)
    before_ns = _expected_before_ns(slots, offset_ns, counts)
    before_ns[_ints(rows.odd_rows)] = _ints(rows.odd_before_ns)
    strip = Strip(
        slots=slots,
        counts=counts,
        interval_ns=interval_ns,
        offset_ns=offset_ns,
        before_ns=before_ns,
        label_of=_ints(rows.label_of),
        labels=tuple(Label(**label) for label in document["labels"]),
        columns={},
    )
    for key, data in document["metrics"].items():
        if keys is None or key in keys:
            strip.columns[key] = _unpack_column(strip, _values_decoder.decode(data))
    return strip


def _pack_column(strip: Strip, column: Column) -> _Values:
    is_chained = bool(column.chained.any())
    before, chained = _expected_before(strip, column, is_chained=is_chained)
    odd = np.flatnonzero(
        (chained != column.chained) | (column.chained & (before != column.before))
    )
    all_there = bool(column.present.all())
    return _Values(
        forms=numbers.pack(column.forms.astype(np.int64)),
        values=numbers.pack(column.values[column.present]),
        present=b"" if all_there else np.packbits(column.present).tobytes(),
        is_chained=is_chained,
        odd_rows=numbers.pack(odd),
        odd_chained=numbers.pack(column.chained[odd].astype(np.int64)),
        odd_before=numbers.pack(column.before[odd]),
    )


def _unpack_column(strip: Strip, packed: _Values) -> Column:
    forms = _ints(packed.forms).astype(np.uint8)
    some = numbers.unpack(packed.values)
    column = Column(
        forms=forms,
        values=some,
        present=np.ones(len(some), np.bool_),
        before=np.zeros(len(forms), np.int64),
        chained=np.zeros(len(forms), np.bool_),
    )
    if packed.present:
        count = int(column.lengths(strip.counts).sum())
        bits = np.unpackbits(np.frombuffer(packed.present, np.uint8), count=count)
        column.present = bits.astype(np.bool_)
        column.values = cast("Numbers", np.zeros(count, some.dtype))
        column.values[column.present] = some
    column.before, column.chained = _expected_before(
        strip, column, is_chained=packed.is_chained
    )
    odd = _ints(packed.odd_rows)
    column.before[odd] = _ints(packed.odd_before)
    column.chained[odd] = _ints(packed.odd_chained).astype(np.bool_)
    return column


def _expected_before_ns(slots: Ints, offset_ns: Ints, counts: Ints) -> Ints:
    """Return the offset of the last sample of the batch before each batch."""
    last_ns = slots * NS_PER_SECOND + offset_ns[np.cumsum(counts) - 1]
    expected = np.zeros(len(slots), np.int64)
    expected[1:] = last_ns[:-1] - slots[1:] * NS_PER_SECOND
    return expected


def _expected_before(
    strip: Strip, column: Column, *, is_chained: bool
) -> tuple[Ints, Bools]:
    """Return the counter at the end of the batch before, and where there is one."""
    before = np.zeros(len(strip), np.int64)
    chained = np.zeros(len(strip), np.bool_)
    if not is_chained or column.values.dtype != np.int64 or not len(column.values):
        return before, chained
    lengths = column.lengths(strip.counts)
    ends = np.maximum(np.cumsum(lengths) - 1, 0)
    follows = strip.before_ns == _expected_before_ns(
        strip.slots, strip.offset_ns, strip.counts
    )
    told = (lengths > 0) & column.present[ends]
    chained[1:] = told[:-1] & follows[1:]
    before[1:] = np.where(chained[1:], column.values[ends[:-1]], 0)
    return before, chained


def _grid_ns(counts: Ints, interval_ns: Ints) -> Ints:
    """Return when samples are due that are an interval apart, in their slots."""
    starts = np.cumsum(counts) - counts
    index = np.arange(int(counts.sum())) - np.repeat(starts, counts)
    return index * np.repeat(interval_ns, counts)


def _ints(data: bytes) -> Ints:
    found = numbers.unpack(data)
    if found.dtype != np.int64:
        raise ValueError("not integers")
    return cast("Ints", found)


def _summary(column: Column) -> dict[str, Any]:
    """Return what people want to see who look with MongoDB's own tools."""
    values: Numbers = column.values[column.present]
    if not len(values):
        return {"count": 0}
    return {
        "count": len(values),
        "first": values[0].item(),
        "last": values[-1].item(),
        "min": values.min().item(),
        "max": values.max().item(),
    }


def _moment(slot: np.int64) -> datetime:
    return datetime.fromtimestamp(int(slot), timezone.utc)
