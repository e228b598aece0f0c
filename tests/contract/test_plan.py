"""A plan as people write it."""

from __future__ import annotations

from typing import Any

import pytest

from robometrics.errors import BadRequestError
from robometrics.requests import Plan, make_plan


@pytest.mark.parametrize(
    ("wishes", "plan"),
    [
        ({}, Plan()),
        ({"interval_seconds": 0.25}, Plan(interval_ns=250_000_000)),
        ({"interval_seconds": 1}, Plan(interval_ns=10**9)),
        ({"interval_ns": 10**6, "tree": True}, Plan(interval_ns=10**6, tree=True)),
        ({"threads": False, "cgroup": True}, Plan(cgroup=True)),
    ],
)
def test_wishes_make_a_plan(wishes: dict[str, Any], plan: Plan) -> None:
    assert plan == make_plan(wishes)


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        ({"trees": True}, "trees: nobody knows it; choose from interval_seconds, tree"),
        ({"tree": "yes"}, "tree"),
        ({"interval_seconds": "fast"}, "interval_seconds: 'fast' is not a number"),
        ({"interval_seconds": 0.0001}, "interval_ns"),
        ({"interval_seconds": 61}, "interval_ns"),
    ],
)
def test_a_wrong_wish_is_named(wishes: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        make_plan(wishes)
