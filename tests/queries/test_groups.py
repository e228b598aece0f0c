"""Groups: what is alike becomes one, and says of how many it is made."""

from __future__ import annotations

import numpy as np
import pytest

from robometrics.errors import BadRequestError
from robometrics.queries.grid import Curve
from robometrics.queries.groups import Aggregate, Group, check_labels, labels_of
from robometrics.store import Series

NAN = float("nan")
ARM = Series("robot", "process", "arm")


def curve(*mean: float) -> Curve:
    values = np.array(mean)
    return Curve(values, values - 1, values + 1)


@pytest.mark.parametrize(
    ("aggregate", "mean", "low", "high"),
    [
        ("sum", [3, 5], [1, 4], [5, 6]),
        ("mean", [1.5, 5], [0.5, 4], [2.5, 6]),
        ("min", [1, 5], [0, 4], [2, 6]),
        ("max", [2, 5], [1, 4], [3, 6]),
    ],
)
def test_a_group_counts_only_what_has_a_value(
    aggregate: Aggregate, mean: list[float], low: list[float], high: list[float]
) -> None:
    group = Group(3)
    group.add(curve(1, 5, NAN))
    group.add(curve(2, NAN, NAN))
    group.add(curve(NAN, NAN, NAN))

    found = group.curve(aggregate)

    assert 2 == group.members
    assert ([*mean], [*low], [*high]) == tuple(each[:2].tolist() for each in found)
    assert all(np.isnan(each[2]) for each in found)


def test_labels_are_names_tags_and_runs() -> None:
    names = check_labels(["host", "process", "tag:robot", "run", "gpu", "kind", "host"])

    assert (
        ("host", "robot"),
        ("process", "arm"),
        ("tag:robot", "left"),
        ("run", "r-1"),
        ("gpu", ""),
        ("kind", "process"),
    ) == labels_of(names, ARM, "r-1", {"robot": "left", "host": "not this"})


@pytest.mark.parametrize("name", ["", "tag:", "tags", "$where", "cpu_percent"])
def test_what_is_no_label_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(BadRequestError, match="choose from host, kind, process"):
        check_labels(["host", name])
