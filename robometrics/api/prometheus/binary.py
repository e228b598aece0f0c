"""Operators between two sides: arithmetic, comparisons and sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from robometrics.api.prometheus.errors import ExecutionError
from robometrics.api.prometheus.expression import Binary, Match
from robometrics.api.prometheus.labels import (
    Labels,
    as_text,
    make_labels,
    nameless,
    only,
    without,
)
from robometrics.api.prometheus.vector import (
    Bools,
    Floats,
    Vector,
    distinct,
    grouped,
    joined,
    stacked,
)

_ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
_COMPARISONS: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}


def of_scalars(node: Binary, left: Floats, right: Floats) -> Floats:
    values, holds = _computed(node, left, right)
    return values if holds is None else holds.astype(np.float64)


def with_scalar(
    node: Binary, vector: Vector, scalar: Floats, *, is_left: bool
) -> Vector:
    """Return the operation of each element and *scalar*.

    Args:
        node: The operator.
        vector: One side.
        scalar: The other side, at each time.
        is_left: Whether *scalar* stands on the left.
    """
    wide = np.broadcast_to(scalar, vector.values.shape)
    sides = (wide, vector.values) if is_left else (vector.values, wide)
    values, holds = _computed(node, *sides)
    if holds is None:
        return distinct(Vector(_bare(vector), values, vector.present))
    if node.is_bool:
        values = holds.astype(np.float64)
        return distinct(Vector(_bare(vector), values, vector.present))
    return vector._replace(present=vector.present & holds)


def of_vectors(node: Binary, left: Vector, right: Vector) -> Vector:
    """Return the operation of the elements that belong together.

    Raises:
        ExecutionError: More than one belongs to one where that was not asked for.
    """
    if node.operator in ("and", "or", "unless"):
        return _set(node, left, right)
    many, one = (right, left) if node.match.many == "right" else (left, right)
    singles = grouped([_key(node.match, labels) for labels in one.labels])
    groups = grouped([_key(node.match, labels) for labels in many.labels])
    rows, values, present = [], [], []
    for key, members in groups.items():
        partners = singles.get(key)
        if partners is None:
            continue
        single = joined(one, partners)
        if single is None:
            raise ExecutionError(
                f"found duplicate series for the match group {as_text(key)} on the "
                f"{'left' if node.match.many == 'right' else 'right'} side of "
                f"{node.operator}; many-to-many matching is not allowed"
            )
        if node.match.many is None:
            _require_single(node, many, members, key, single[1])
        for member in members:
            both = many.present[member] & single[1]
            sides = [many.values[member], single[0]]
            if node.match.many == "right":
                sides.reverse()
            found, holds = _computed(node, *sides)
            if holds is not None:
                found = holds.astype(np.float64) if node.is_bool else sides[0]
                both = both if node.is_bool else both & holds
            rows.append(_labels(node, many.labels[member], one.labels[partners[0]]))
            values.append(found)
            present.append(both)
    return distinct(stacked(rows, values, present, left.shape[1]))


def _computed(node: Binary, left: Floats, right: Floats) -> tuple[Floats, Bools | None]:
    """Return the values, or those of the left side and where a comparison holds."""
    with np.errstate(all="ignore"):
        if arithmetic := _ARITHMETIC.get(node.operator):
            return arithmetic(left, right), None
        return left, _COMPARISONS[node.operator](left, right)


def _bare(vector: Vector) -> list[Labels]:
    return [nameless(labels) for labels in vector.labels]


def _key(match: Match, labels: Labels) -> Labels:
    if match.is_on:
        return only(labels, match.labels)
    return without(nameless(labels), match.labels)


def _require_single(
    node: Binary, many: Vector, members: list[int], key: Labels, partner: Bools
) -> None:
    here = many.present[np.array(members, dtype=np.intp)] & partner
    if (here.sum(axis=0) > 1).any():
        raise ExecutionError(
            f"multiple matches for labels {as_text(key)} on the left side of "
            f"{node.operator}: many-to-one matching must be explicit "
            "(group_left/group_right)"
        )


def _labels(node: Binary, many: Labels, one: Labels) -> Labels:
    """Return the labels of a result."""
    match = node.match
    keeps_name = node.operator in _COMPARISONS and not node.is_bool
    labels = many if keeps_name else nameless(many)
    if match.many is None:
        if match.is_on:
            return only(labels, match.labels)
        return without(labels, match.labels)
    copied = dict(one)
    named = dict(labels) | {name: copied.get(name, "") for name in match.include}
    return make_labels(named)


def _set(node: Binary, left: Vector, right: Vector) -> Vector:
    left_keys = [_key(node.match, labels) for labels in left.labels]
    right_keys = [_key(node.match, labels) for labels in right.labels]
    if node.operator != "or":
        there = _there(left_keys, right, right_keys)
        wanted = there if node.operator == "and" else ~there
        return left._replace(present=left.present & wanted)
    missing = right.present & ~_there(right_keys, left, left_keys)
    return distinct(
        Vector(
            left.labels + right.labels,
            np.concatenate((left.values, right.values)),
            np.concatenate((left.present, missing)),
        )
    )


def _there(keys: list[Labels], other: Vector, other_keys: list[Labels]) -> Bools:
    """Return for each of *keys* when *other* has anything of that key."""
    times = other.shape[1]
    by_key = {
        key: other.present[np.array(rows, dtype=np.intp)].any(axis=0)
        for key, rows in grouped(other_keys).items()
    }
    never = np.zeros(times, dtype=np.bool_)
    rows = [by_key.get(key, never) for key in keys]
    return np.stack(rows) if rows else np.zeros((0, times), dtype=np.bool_)
