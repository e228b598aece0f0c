"""Blocks: up to an hour of one run in one document, each metric in a field of its own.

A query reads only the fields of the metrics it wants. What follows from a neighbour is
not stored: the counters before a batch are mostly those at the end of the batch before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, cast

import msgspec
import numpy as np

from robometrics.errors import DiscardMessageError
from robometrics.schema import SAMPLES_PER_BATCH_MAX
from robometrics.store import numbers
from robometrics.store.expected import (
    expected_before,
    expected_before_ns,
    grid_ns,
)
from robometrics.store.keys import SLOT_STOP
from robometrics.store.strips import (
    ABSENT,
    EACH,
    SINGLE,
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
    before_ns = expected_before_ns(strip.slots, strip.offset_ns, counts)
    odd = np.flatnonzero(strip.before_ns != before_ns)
    rows = _Rows(
        slots=numbers.pack(strip.slots),
        counts=numbers.pack(counts),
        interval_ns=numbers.pack(interval_ns),
        lateness_ns=numbers.pack(strip.offset_ns - grid_ns(counts, interval_ns)),
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
    with _told_as_discard():
        return _unpack(document, keys)


def read_counts(document: dict[str, Any]) -> dict[int, int]:
    """Return the number of samples in each slot of the batches in *document*.

    Raises:
        DiscardMessageError: It is not such a document, or of a later version.
    """
    with _told_as_discard():
        slots, counts = _read_slots(_read_rows(document))
        return dict(zip(slots.tolist(), counts.tolist(), strict=True))


@contextmanager
def _told_as_discard() -> Iterator[None]:
    try:
        yield
    except (
        *(LookupError, TypeError, ValueError, AttributeError, OverflowError),
        msgspec.MsgspecError,
    ) as exc:
        raise DiscardMessageError(f"not a block: {exc!r}") from exc


def _read_rows(document: dict[str, Any]) -> _Rows:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']}; known is {VERSION}")
    return _rows_decoder.decode(document["rows"])


def _read_slots(rows: _Rows) -> tuple[Ints, Ints]:
    """Return slots and counts."""
    slots, counts = _ints(rows.slots), _ints(rows.counts)
    if len(slots) != len(counts) or not len(slots) or (np.diff(slots) <= 0).any():
        raise ValueError("not batches by slot")
    if slots[0] < 0 or slots[-1] >= SLOT_STOP:
        raise ValueError("slots of no time")
    if counts.min() < 1 or counts.max() > SAMPLES_PER_BATCH_MAX:
        raise ValueError("batches of no size")
    return slots, counts


def _unpack(document: dict[str, Any], keys: Collection[str] | None) -> Strip:
    rows = _read_rows(document)
    slots, counts = _read_slots(rows)
    interval_ns, lateness_ns = _ints(rows.interval_ns), _ints(rows.lateness_ns)
    label_of = _ints(rows.label_of)
    labels = tuple(Label(**label) for label in document["labels"])
    if not len(slots) == len(interval_ns) == len(label_of):
        raise ValueError("rows of several lengths")
    if counts.sum() != len(lateness_ns):
        raise ValueError("not as many samples as they are said to be")
    if label_of.min() < 0 or label_of.max() >= len(labels):
        raise ValueError("no such label")
    offset_ns = lateness_ns + grid_ns(counts, interval_ns)
    before_ns = expected_before_ns(slots, offset_ns, counts)
    _amend(before_ns, _ints(rows.odd_rows), _ints(rows.odd_before_ns))
    strip = Strip(
        slots=slots,
        counts=counts,
        interval_ns=interval_ns,
        offset_ns=offset_ns,
        before_ns=before_ns,
        label_of=label_of,
        labels=labels,
        columns={},
    )
    for key in document["metrics"] if keys is None else keys:
        if key in document["metrics"]:
            packed = _values_decoder.decode(document["metrics"][key])
            strip.columns[key] = _unpack_column(strip, packed)
    return strip


def _pack_column(strip: Strip, column: Column) -> _Values:
    is_chained = bool(column.chained.any())
    before, chained = expected_before(strip, column, is_chained=is_chained)
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
    forms = _ints(packed.forms)
    some = numbers.unpack(packed.values)
    if len(forms) != len(strip) or not np.isin(forms, (ABSENT, SINGLE, EACH)).all():
        raise ValueError("not a form for each batch")
    column = Column(
        forms=forms.astype(np.uint8),
        values=some,
        present=np.ones(len(some), np.bool_),
        before=np.zeros(len(forms), np.int64),
        chained=np.zeros(len(forms), np.bool_),
    )
    count = int(column.lengths(strip.counts).sum())
    if packed.present:
        if len(packed.present) != -(-count // 8):
            raise ValueError("not a bit for each value")
        bits = np.unpackbits(np.frombuffer(packed.present, np.uint8), count=count)
        column.present = bits.astype(np.bool_)
        column.values = cast("Numbers", np.zeros(count, some.dtype))
        _amend(column.values, np.flatnonzero(column.present), some)
    if len(column.values) != count:
        raise ValueError("not as many values as there should be")
    column.before, column.chained = expected_before(
        strip, column, is_chained=packed.is_chained
    )
    odd = _ints(packed.odd_rows)
    _amend(column.before, odd, _ints(packed.odd_before))
    _amend(column.chained, odd, _ints(packed.odd_chained))
    return column


def _amend(numbers: Any, rows: Ints, others: Numbers) -> None:
    if len(rows) != len(others) or (len(rows) and rows.min() < 0):
        raise ValueError("not one number for each row")
    numbers[rows] = others


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
