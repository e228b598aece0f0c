"""Functions of instant vectors and scalars."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from robometrics.api.prometheus.errors import BadDataError
from robometrics.api.prometheus.expression import Select
from robometrics.api.prometheus.labels import NAME, Labels, make_labels, nameless
from robometrics.api.prometheus.matching import pattern
from robometrics.api.prometheus.vector import (
    Bools,
    Floats,
    Vector,
    distinct,
    rows_of,
)

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)

MATHS: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "sgn": np.sign,
    "sqrt": np.sqrt,
}


def mapped(vector: Vector, values: Floats) -> Vector:
    """Return *vector* with new values, which have no name any more."""
    labels = [nameless(each) for each in vector.labels]
    return distinct(Vector(labels, values, vector.present))


def maths(name: str, vector: Vector) -> Vector:
    with np.errstate(all="ignore"):
        return mapped(vector, MATHS[name](vector.values))


def rounded(vector: Vector, to_nearest: Floats) -> Vector:
    """Return the nearest multiples; of two as near, the greater."""
    with np.errstate(all="ignore"):
        inverse = 1.0 / to_nearest
        return mapped(vector, np.floor(vector.values * inverse + 0.5) / inverse)


def clamped(vector: Vector, low: Floats | None, high: Floats | None) -> Vector:
    values, present = vector.values, vector.present
    if low is not None and high is not None:
        present = present & ~(high < low)
    if high is not None:
        values = np.minimum(values, high)
    if low is not None:
        values = np.maximum(values, low)
    return mapped(vector._replace(present=present), values)


def scalar_of(vector: Vector) -> Floats:
    """Return the value where there is just one, elsewhere NaN."""
    only_one = vector.present.sum(axis=0) == 1
    values = np.where(vector.present, vector.values, 0.0).sum(axis=0)
    return np.where(only_one, values, np.nan)


def absent(vector: Vector, argument: object) -> Vector:
    """Return 1 where *vector* has nothing, with the labels that were asked for."""
    labels: Labels = ()
    if isinstance(argument, Select):
        names = [each.name for each in argument.matchers]
        labels = make_labels(
            {
                name: value
                for name, value in argument.equalities.items()
                if name != NAME and names.count(name) == 1
            }
        )
    missing: Bools = ~np.logical_or.reduce(vector.present, axis=0)
    return Vector([labels], np.ones((1, len(missing))), missing[np.newaxis])


def in_order(vector: Vector, *, is_descending: bool) -> Vector:
    """Return the series by value: at the last time, since an instant query has one."""
    values, present = vector.values[:, -1], vector.present[:, -1]
    size = -values if is_descending else values
    numbers = present & ~np.isnan(values)
    order = np.lexsort((np.where(numbers, size, 0.0), ~numbers))
    return rows_of(vector, [int(row) for row in order])


def label_replaced(
    vector: Vector, target: str, replacement: str, source: str, expression: str
) -> Vector:
    """Return *vector* with *target* set wherever *source* matches *expression*.

    Raises:
        BadDataError: The name or the expression is wrong.
    """
    if not _LABEL.fullmatch(target):
        raise BadDataError(f"label_replace(): {target[:80]!r} is not a label name")
    compiled = pattern(expression)
    labels = []
    for each in vector.labels:
        values = dict(each)
        found = compiled.fullmatch(values.get(source, ""))
        if found is not None:
            values[target] = _expanded(replacement, found)
        labels.append(make_labels(values))
    return distinct(vector._replace(labels=labels))


def _expanded(template: str, found: re.Match[str]) -> str:
    """Return *template* with ``$1`` and ``${name}`` filled in; unknown: empty."""

    def value(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        groups = found.groupdict()
        if name.isdigit():
            groups = {str(i): found[i] for i in range(len(found.groups()) + 1)}
        return groups.get(name) or ""

    return _REFERENCE.sub(value, template)
