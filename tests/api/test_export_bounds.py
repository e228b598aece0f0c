"""Exports that are refused, too many, or given up by who asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from builders import process_batch
from histories import HOUR, keep
from waiting import eventually

from robometrics.api import download
from robometrics.api.export import Exports
from robometrics.store.batches import Batches
from robometrics.tables import encoding

from .conftest import Served
from .exported import PLANNER, export


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"from": "yesterday"}, 400, "from"),
        ({"from": "-5m", "to": "-10m"}, 400, "from"),
        ({"metric": "cpu_pct"}, 400, "metric"),
        ({"format": "xlsx"}, 400, "format"),
        ({"layout": "tall"}, 400, "layout"),
        ({"resolution": "2s"}, 400, "resolution"),
        ({"time": "noon"}, 400, "time"),
        ({"max_points": 0}, 400, "max_points"),
        ({"tag": "robot"}, 400, "tag"),
        ({"host": "nowhere"}, 404, ""),
        ({"process": "nothing"}, 404, ""),
    ],
)
async def test_a_bad_export_is_a_problem_that_names_the_field(
    served: Served,
    start: int,
    params: dict[str, Any],
    status: int,
    field: str,
) -> None:
    await served.keep(process_batch(slot=start))

    problem = await served.get("export", status, **{"host": "robot"} | params)

    assert status == problem["status"]
    assert [field] * bool(field) == [e["field"] for e in problem.get("errors", ())]


async def test_more_columns_than_a_table_can_have_are_refused(
    served: Served, start: int, wanted: str
) -> None:
    metrics = {f"m{i}": [i, i] for i in range(300)}
    await served.keep(
        *(
            process_batch(
                slot=start,
                process=f"p{p}",
                metrics={f"p{p}_{k}": v for k, v in metrics.items()},
            )
            for p in range(7)
        )
    )
    span = {"from": start, "to": start + 1, "format": wanted, "process": "*"}

    problem = await served.get("export", 400, host="robot", **span)
    long = await export(served, layout="long", **span)

    assert "2,100 columns" in problem["detail"]
    assert 7 * 300 * 2 == long.num_rows


@pytest.fixture
async def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the hours that are read."""
    hours: list[int] = []
    strips = Batches.strips

    async def noted(self: Batches, *args: Any) -> AsyncIterator[Any]:
        async for hour in strips(self, *args):
            hours.append(1)
            yield hour

    monkeypatch.setattr(Batches, "strips", noted)
    return hours


async def test_a_client_that_goes_ends_the_work_and_makes_room_for_the_next(
    served: Served,
    start: int,
    wanted: str,
    counted: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Exports, "at_once_max", 1)
    monkeypatch.setattr(encoding, "_CELLS_MAX", 200_000)
    hours = 48
    first = start - hours * HOUR
    await keep(served.store, PLANNER, first, hours=hours, hz=10)
    query = {"host": "robot", "process": "planner", "from": first, "to": start}

    async def answers(status: int) -> bool:
        params = query | {"from": start - 1, "format": wanted}
        answer = await served.http.get("/api/v1/export", params=params)
        if answer.status_code == 503:
            assert "2" == answer.headers["retry-after"]
        return status == answer.status_code

    async with served.http.stream(
        "GET", "/api/v1/export", params=query | {"format": wanted}
    ) as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces)
        assert await answers(503)
    await eventually(lambda: answers(200))
    read_until_then = len(counted)

    assert await answers(200)
    assert len(counted) <= read_until_then + 1
    assert len(counted) < hours


async def test_a_client_that_takes_nothing_is_given_up(
    served: Served, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exports, "at_once_max", 1)
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    first = start - 24 * HOUR
    await keep(served.store, PLANNER, first, hours=24, hz=10)
    query = {"host": "robot", "process": "planner", "from": first, "to": start}

    async def has_room() -> bool:
        params = query | {"from": start - 1}
        answer = await served.http.get("/api/v1/export", params=params)
        return answer.is_success

    async with served.http.stream("GET", "/api/v1/export", params=query) as answer:
        await eventually(has_room)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await answer.aread()
