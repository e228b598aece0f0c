"""Aggregations: many series become few, or the few that matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from robometrics.api.prometheus.expression import Aggregate
from robometrics.api.prometheus.labels import Labels, nameless, only, without
from robometrics.api.prometheus.over_time import quantile_of
from robometrics.api.prometheus.vector import (
    Bools,
    Floats,
    Vector,
    empty,
    grouped,
    rows_of,
    stacked,
)


def aggregate(
    node: Aggregate,
    inner: Vector,
    parameter: Floats | None,
    go_on: Callable[[], None],
) -> Vector:
    """Return *inner* aggregated at each time.

    Args:
        node: Operator and grouping.
        inner: What to aggregate.
        parameter: At each time, of operators that have one.
        go_on: Called before each group; it may raise.
    """
    groups = grouped([_group(node, labels) for labels in inner.labels])
    if node.operator in ("topk", "bottomk"):
        assert parameter is not None  # noqa: S101  the parser asks for it
        return _chosen(node, inner, list(groups.values()), parameter)
    rows, present = [], []
    for members in groups.values():
        go_on()
        index = np.array(members, dtype=np.intp)
        here = inner.present[index]
        present.append(np.logical_or.reduce(here, axis=0))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            if node.operator == "quantile":
                assert parameter is not None  # noqa: S101
                rows.append(_quantile(inner.values[index], here, parameter))
            else:
                rows.append(_FOLDS[node.operator](inner.values[index], here))
    return stacked(list(groups), rows, present, inner.shape[1])


def _group(node: Aggregate, labels: Labels) -> Labels:
    if node.is_without:
        return without(nameless(labels), node.labels)
    return only(labels, node.labels)


def _sum(values: Floats, here: Bools) -> Floats:
    found: Floats = np.where(here, values, 0.0).sum(axis=0)
    return found


def _count(_: Floats, here: Bools) -> Floats:
    found: Floats = here.sum(axis=0).astype(np.float64)
    return found


def _mean(values: Floats, here: Bools) -> Floats:
    return _sum(values, here) / np.maximum(_count(values, here), 1)


def _low(values: Floats, here: Bools) -> Floats:
    # Like Prometheus: NaN only where there is nothing else.
    found: Floats = np.fmin.reduce(np.where(here, values, np.nan), axis=0)
    return found


def _high(values: Floats, here: Bools) -> Floats:
    found: Floats = np.fmax.reduce(np.where(here, values, np.nan), axis=0)
    return found


def _variance(values: Floats, here: Bools) -> Floats:
    away = np.where(here, values - _mean(values, here), 0.0)
    return _mean(away**2, here)


def _deviation(values: Floats, here: Bools) -> Floats:
    return np.sqrt(_variance(values, here))


def _one(values: Floats, _: Bools) -> Floats:
    return np.ones(values.shape[1])


_FOLDS: dict[str, Callable[[Floats, Bools], Floats]] = {
    "avg": _mean,
    "count": _count,
    "group": _one,
    "max": _high,
    "min": _low,
    "stddev": _deviation,
    "stdvar": _variance,
    "sum": _sum,
}


def _quantile(values: Floats, here: Bools, q: Floats) -> Floats:
    found = np.zeros(values.shape[1])
    for column in np.flatnonzero(here.any(axis=0)):
        known = values[here[:, column], column]
        # NaN is less than any number here.
        ordered = np.sort(known[~np.isnan(known)])
        ordered = np.concatenate((np.full(len(known) - len(ordered), np.nan), ordered))
        found[column] = quantile_of(ordered, float(q[column]))
    return found


def _chosen(
    node: Aggregate, inner: Vector, groups: Sequence[Sequence[int]], parameter: Floats
) -> Vector:
    """Return the greatest (or least) few of each group, with their own labels."""
    if not groups:
        return empty(inner.shape[1])
    wanted = np.nan_to_num(parameter, nan=0.0, posinf=1e9, neginf=0.0)
    rows: list[int] = []
    present: list[Bools] = []
    for members in groups:
        index = np.array(members, dtype=np.intp)
        values, here = inner.values[index], inner.present[index]
        size = values if node.operator == "bottomk" else -values
        # Numbers first, then NaN, then what is absent.
        kind = np.where(here, np.where(np.isnan(values), 1, 0), 2)
        order = np.lexsort((np.where(kind == 0, size, 0.0), kind), axis=0)
        rank = np.argsort(order, axis=0)
        chosen = here & (rank < np.floor(wanted))
        # In the order of the last time: all there is in an instant query.
        for member in order[:, -1]:
            if chosen[member].any():
                rows.append(members[member])
                present.append(chosen[member])
    if not rows:
        return empty(inner.shape[1])
    return rows_of(inner, rows)._replace(present=np.stack(present))
