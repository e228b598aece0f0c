"""What can be asked for, and what a page has to know of it to make charts."""

from __future__ import annotations

from typing import Any

import pytest

from robometrics.metrics import DERIVED, METRICS

from .conftest import Served


@pytest.fixture
async def rows(served: Served) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in (await served.get("metrics"))["metrics"]}


async def test_every_metric_is_listed_by_name(rows: dict[str, Any]) -> None:
    assert sorted([*METRICS, *DERIVED]) == list(rows)


async def test_a_rate_says_how_it_is_derived(rows: dict[str, dict[str, Any]]) -> None:
    """So that a page makes live rates of counters as the server does of stored ones."""
    assert {
        "name": "cpu_percent",
        "unit": "percent",
        "kind": "rate",
        "description": "CPU use; 100 is one core",
        "source": "cpu_time_ns",
        "scale": 1e-7,
        "period_seconds": 0,
        "of": ["process", "host"],
        "group": "cpu",
    } == rows["cpu_percent"]
    for name, row in rows.items():
        assert (
            (name in DERIVED) == (row["source"] is not None) == (row["kind"] == "rate")
        )
        assert (row["source"] is None) == (row["scale"] is None)


async def test_what_is_read_seldom_says_how_often(
    rows: dict[str, dict[str, Any]],
) -> None:
    found = rows["filesystem_used_bytes"]
    assert (10, ["host"], "disk") == (
        found["period_seconds"],
        found["of"],
        found["group"],
    )
