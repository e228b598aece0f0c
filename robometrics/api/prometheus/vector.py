"""What an expression is worth at each time of a query: vectors, one row a series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robometrics.api.prometheus.errors import ExecutionError
from robometrics.api.prometheus.labels import Labels, as_text

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Vector(NamedTuple):
    """Series, each with a value or none at each time.

    An absent value is not NaN, which is a value like any other: 0/0 is one.
    """

    labels: list[Labels]
    values: Floats
    """Of each series (row) at each time (column); any number where absent."""

    present: Bools

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.values.shape
        return rows, columns


Value = Vector | Floats | str
"""A vector, a scalar at each time, or a text."""


def empty(times: int) -> Vector:
    return Vector([], np.zeros((0, times)), np.zeros((0, times), dtype=np.bool_))


def stacked(
    labels: list[Labels], values: Sequence[Floats], present: Sequence[Bools], times: int
) -> Vector:
    """Return a vector of rows; of none, an empty one."""
    if not labels:
        return empty(times)
    return Vector(labels, np.stack(values), np.stack(present))


def rows_of(vector: Vector, rows: Sequence[int]) -> Vector:
    index = np.array(rows, dtype=np.intp)
    return Vector(
        [vector.labels[row] for row in rows],
        vector.values[index],
        vector.present[index],
    )


def grouped(keys: Sequence[Labels]) -> dict[Labels, list[int]]:
    """Return the rows of each key."""
    groups: dict[Labels, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return groups


def joined(vector: Vector, rows: Sequence[int]) -> tuple[Floats, Bools] | None:
    """Return *rows* as one, ``None`` if two of them are there at one time."""
    index = np.array(rows, dtype=np.intp)
    present = vector.present[index]
    if (present.sum(axis=0) > 1).any():
        return None
    values = np.where(present, vector.values[index], 0.0).sum(axis=0)
    return values, np.logical_or.reduce(present, axis=0)


def distinct(vector: Vector) -> Vector:
    """Join rows of equal labels, as when the name was all they differed in.

    Raises:
        ExecutionError: Two of them have a value at one time.
    """
    groups = grouped(vector.labels)
    if len(groups) == len(vector.labels):
        return vector
    values, present = [], []
    for labels, rows in groups.items():
        found = joined(vector, rows)
        if found is None:
            raise ExecutionError(
                "vector cannot contain metrics with the same labelset: "
                f"{as_text(labels)}; name one metric, or keep the label apart"
            )
        values.append(found[0])
        present.append(found[1])
    return stacked(list(groups), values, present, vector.shape[1])
