"""Batches as records: numbers packed the way their layout says.

Batches of one shape are packed together, as one matrix with a row for each: alone a
batch costs many times its share.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from robometrics.schema import AnyBatch
from robometrics.store.layouts import NUMBER_BYTES, Field, write_layout
from robometrics.store.strips import Ints

_LIMITS = ((1, 2**7), (2, 2**15), (4, 2**31))

Shape = tuple[Field, ...]
"""What batches that are packed together have in common: the times first, no widths."""

N = TypeVar("N", np.int64, np.float64)


class Record(NamedTuple):
    """One batch, packed."""

    layout: str
    data: bytes


class Packed(NamedTuple):
    """Batches of one layout, packed."""

    indexes: list[int]
    """Which batches."""

    layout: str
    samples: int
    """In each batch."""

    data: NDArray[np.uint8]
    """A row for each batch: the data of its record."""

    last: dict[str, NDArray[np.float64] | None]
    """The last value of each metric, in each batch; ``None``: it could not be read."""


def pack_all(batches: Sequence[AnyBatch]) -> list[Packed]:
    """Return *batches*, packed: those of one shape together.

    A column of integers and floats together becomes one of floats.
    """
    shapes: dict[tuple[object, ...], Shape] = {}
    rows: dict[Shape, list[int]] = {}
    parts: list[tuple[array[int], array[float]]] = []
    for index, batch in enumerate(batches):
        try:
            integers, floats = array("q", _numbers(batch)), array("d")
        except TypeError:  # there are floats, or values that are missing
            shape, integers, floats = _sorted_out(batch)
        else:
            signature = _signature(batch)
            shape = shapes.get(signature) or _shape(batch)
            shapes[signature] = shape
        parts.append((integers, floats))
        rows.setdefault(shape, []).append(index)
    return [
        _packed(shape, indexes, [parts[index] for index in indexes])
        for shape, indexes in rows.items()
    ]


def _numbers(batch: AnyBatch) -> list[Any]:
    """Return the numbers of a batch in the order of its shape."""
    columns, previous = batch.metrics, batch.previous
    if previous is None:
        numbers: list[Any] = [*batch.offset_ns]
        for column in columns.values():
            numbers += column
        return numbers
    before = previous.counters
    numbers = [previous.offset_ns, *batch.offset_ns]
    for key, column in columns.items():
        if key in before:
            numbers.append(before[key])
        numbers += column
    if not before.keys() <= columns.keys():
        numbers += [before[key] for key in before if key not in columns]
    return numbers


def _signature(batch: AnyBatch) -> tuple[object, ...]:
    """Return what decides the shape of a batch of integers."""
    previous, columns = batch.previous, batch.metrics
    return (
        len(batch.offset_ns),
        tuple(columns),
        tuple(map(len, columns.values())),
        None if previous is None else tuple(previous.counters),
    )


def _shape(batch: AnyBatch) -> Shape:
    """Return the shape of a batch of integers."""
    samples, previous = len(batch.offset_ns), batch.previous
    before = {} if previous is None else previous.counters
    return (
        _times(batch),
        *(
            Field(
                key,
                "p" if key in before else "i",
                len(column) + (key in before),
                is_single=len(column) != samples,
            )
            for key, column in batch.metrics.items()
        ),
        *(Field(key, "o", 1) for key in before if key not in batch.metrics),
    )


def _times(batch: AnyBatch) -> Field:
    samples = len(batch.offset_ns)
    if batch.previous is None:
        return Field("", "i", samples)
    return Field("", "p", samples + 1)


def _sorted_out(batch: AnyBatch) -> tuple[Shape, array[int], array[float]]:
    """Return the shape of any batch, its integers, and its floats."""
    previous = batch.previous
    before = {} if previous is None else dict(previous.counters)
    integers = array("q", [] if previous is None else [previous.offset_ns])
    integers.extend(batch.offset_ns)
    floats = array("d")
    shape = [_times(batch)]
    for key, column in batch.metrics.items():
        values = [value for value in column if value is not None]
        mask = None
        if 0 < len(values) < len(column):
            mask = sum(1 << i for i, value in enumerate(column) if value is not None)
        codec = "n"
        if float in map(type, values):
            codec = "f"
            floats.extend(values)
        elif values:
            codec = "p" if key in before else "i"
            values = [before.pop(key), *values] if codec == "p" else values
            integers.extend(values)  # type: ignore[arg-type]
        is_single = len(column) != len(batch.offset_ns)
        shape.append(Field(key, codec, len(values), is_single, mask))
    integers.extend(before.values())
    shape += [Field(key, "o", 1) for key in before]
    return tuple(shape), integers, floats


def _packed(
    shape: Shape, indexes: list[int], parts: Sequence[tuple[array[int], array[float]]]
) -> Packed:
    """Return the batches of one shape, packed."""
    integers = _matrix([part for part, _ in parts], np.int64)
    floats = _matrix([part for _, part in parts], np.float64)
    steps = np.diff(integers, axis=1)  # modulo 2^64, as are the sums
    fields: list[Field] = []
    pieces: list[NDArray[np.uint8]] = []
    last: dict[str, NDArray[np.float64] | None] = {}
    samples = shape[0].length - shape[0].has_before
    at = at_float = 0
    for field in shape:
        width = 0
        numbers: NDArray[np.float64] | Ints | None = None
        if field.codec == "f":
            numbers = floats[:, at_float : at_float + field.length]
            pieces.append(_bytes_of(numbers))
            at_float += field.length
        elif field.codec != "n":
            numbers = integers[:, at : at + field.length]
            mine = steps[:, at : at + field.length - 1]
            width = _width(mine)
            pieces.append(_bytes_of(numbers[:, :1]))
            if width:
                pieces.append(_bytes_of(mine.astype(f"i{width}")))
            at += field.length
        fields.append(field._replace(width=width))
        if field.key and field.codec != "o":
            last[field.key] = None
            if numbers is not None and field.ends_with_value(samples):
                last[field.key] = numbers[:, -1].astype(np.float64)
    data = np.concatenate(pieces, axis=1)
    return Packed(indexes, write_layout(samples, fields), samples, data, last)


def _matrix(parts: Sequence[array[Any]], kind: type[N]) -> NDArray[N]:
    return np.frombuffer(b"".join(parts), dtype=kind).reshape(len(parts), -1)


def _width(steps: Ints) -> int:
    """Return how many bytes the widest of *steps* needs."""
    if not steps.any():
        return 0
    low, high = int(steps.min()), int(steps.max())
    for width, limit in _LIMITS:
        if -limit <= low and high < limit:
            return width
    return NUMBER_BYTES


def _bytes_of(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Return each row of *numbers* as bytes, little-endian."""
    little = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(len(numbers), -1)
