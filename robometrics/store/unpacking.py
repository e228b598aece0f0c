"""Records, unpacked: strips of what ``records`` packed.

Records whose layouts differ in nothing but widths are unpacked together. A batch that
came alone has widths of its own, so that in an hour hardly two may be alike.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from robometrics.errors import DiscardMessageError
from robometrics.store.layouts import NUMBER_BYTES, Field, Layout, read_layout
from robometrics.store.records import Record
from robometrics.store.strips import (
    EACH,
    SINGLE,
    Column,
    Ints,
    Label,
    Numbers,
    Strip,
    absent,
    joined,
)

_ALL = slice(None)


def unpack(
    records: Sequence[Record],
    slots: Ints,
    interval_ns: Ints,
    labels: Sequence[Label],
    keys: Collection[str] | None = None,
) -> Strip:
    """Return the batches of one run that ``pack_all`` made *records* of, by slot.

    Args:
        records: At least one.
        slots: When each batch was.
        interval_ns: Its distance of samples as configured.
        labels: Its label.
        keys: The metrics to unpack; all if not given.

    Raises:
        DiscardMessageError: Some record is not such a record.
    """
    layouts = [read_layout(record.layout) for record in records]
    shapes: dict[str, list[int]] = {}
    for index, layout in enumerate(layouts):
        shapes.setdefault(layout.shape, []).append(index)
    strips = []
    for indexes in shapes.values():
        mine = _together([records[i] for i in indexes], [layouts[i] for i in indexes])
        strip = _strip(mine, slots[indexes], interval_ns[indexes], keys)
        strip.labels = tuple(dict.fromkeys(labels[index] for index in indexes))
        if len(strip.labels) > 1:
            positions = {label: i for i, label in enumerate(strip.labels)}
            strip.label_of = np.array([positions[labels[i]] for i in indexes])
        strips.append(strip)
    return joined(strips)


class _Together(NamedTuple):
    """Records of one shape, end to end."""

    data: NDArray[np.uint8]
    bases: Ints
    """Where each record begins."""

    kinds: list[Layout]
    """All layouts there are, which differ in widths."""

    kind_of: Ints
    """Position in ``kinds``, of each record."""


def _together(records: list[Record], layouts: list[Layout]) -> _Together:
    kinds: list[Layout] = []
    positions: dict[str, int] = {}
    for record, layout in zip(records, layouts, strict=True):
        if len(record.data) != layout.record_bytes:
            raise DiscardMessageError(f"not a record of {record.layout[:80]!r}")
        if record.layout not in positions:
            positions[record.layout] = len(kinds)
            kinds.append(layout)
    sizes = np.array([layout.record_bytes for layout in layouts])
    return _Together(
        data=np.frombuffer(b"".join([record.data for record in records]), np.uint8),
        bases=np.cumsum(sizes) - sizes,
        kinds=kinds,
        kind_of=np.array([positions[record.layout] for record in records]),
    )


def _strip(
    mine: _Together, slots: Ints, interval_ns: Ints, keys: Collection[str] | None
) -> Strip:
    batches = len(slots)
    samples, _, (time, *fields), *_ = mine.kinds[0]
    columns: dict[str, Column] = {}
    times = _unpacked(mine, 0, time)
    zeros = np.zeros(batches, np.int64)
    for index, field in enumerate(fields, 1):
        if keys is not None and field.key not in keys:
            continue
        numbers = _unpacked(mine, index, field)
        column = columns.setdefault(field.key, absent(batches))
        if field.codec != "o":
            _fill(column, field, samples, numbers[:, field.has_before :])
        if field.has_before:
            column.before = numbers[:, 0].astype(np.int64)
            column.chained = np.ones(batches, np.bool_)
    return Strip(
        slots=slots,
        counts=np.full(batches, samples, np.int64),
        interval_ns=interval_ns,
        offset_ns=cast("Ints", times[:, time.has_before :].ravel()),
        before_ns=cast("Ints", times[:, 0]) if time.has_before else zeros,
        label_of=zeros,
        labels=(),
        columns=columns,
    )


def _unpacked(mine: _Together, index: int, field: Field) -> Numbers:
    """Return the numbers of the field at *index*, a row for each batch."""
    batches, length = len(mine.bases), field.length
    starts = np.array([kind.starts[index] for kind in mine.kinds])
    if field.codec == "n":
        return np.zeros((batches, 0), np.int64)
    if field.codec == "f":
        return _numbers_at(mine, starts, length, np.float64)
    numbers = np.zeros((batches, length), np.int64)
    numbers[:, :1] = _numbers_at(mine, starts, 1, np.int64)
    starts += NUMBER_BYTES
    widths = np.array([kind.fields[index].width for kind in mine.kinds])
    for width in {*widths.tolist()} - {0} if length > 1 else ():
        rows: Ints | slice = _ALL
        if (widths != width).any():
            rows = np.flatnonzero((widths == width)[mine.kind_of])
        found = _numbers_at(mine, starts, length - 1, f"i{width}", rows)
        numbers[rows, 1:] = found
    return np.cumsum(numbers, axis=1, out=numbers)


def _numbers_at(
    mine: _Together, starts: Ints, count: int, kind: Any, rows: Ints | slice = _ALL
) -> NDArray[Any]:
    """Return *count* numbers of each record, from the place its layout has in *starts*.

    Of *rows* only. They are little-endian.
    """
    little = np.dtype(kind).newbyteorder("<")
    size = count * little.itemsize
    windows: NDArray[np.uint8] = np.ndarray(
        (len(mine.data) - size + 1, size), np.uint8, mine.data, strides=(1, 1)
    )
    if len(mine.kinds) == 1:
        cells = windows[starts[0] :: mine.kinds[0].record_bytes]  # costs no copy
    else:
        cells = windows[(mine.bases + starts[mine.kind_of])[rows]]
    numbers: NDArray[Any] = cells.view(little)
    return numbers.astype(kind, copy=False)


def _fill(column: Column, field: Field, samples: int, numbers: Numbers) -> None:
    """Give *column* the values of *field*."""
    batches = len(numbers)
    length = 1 if field.is_single else samples
    column.forms = np.full(batches, SINGLE if field.is_single else EACH, np.uint8)
    if field.codec != "n" and field.mask is None:
        column.values = cast("Numbers", numbers.ravel())
        column.present = np.ones(batches * length, np.bool_)
        return
    bits = np.array([(field.mask or 0) >> i & 1 for i in range(length)], np.bool_)
    values = np.zeros((batches, length), numbers.dtype)
    values[:, bits] = numbers
    column.values = cast("Numbers", values.ravel())
    column.present = np.tile(bits, batches)
