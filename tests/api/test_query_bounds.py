"""A query ends: in time, when its client leaves, and when the database does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from api.conftest import Served, serving
from builders import SLOT, process_batch
from servers import MongoServer
from waiting import eventually

from robometrics.broker import Link
from robometrics.store import open_store
from robometrics.store.rollups import Rollups


class Held:
    """Reading of windows that never ends, and knows whether it was ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def columns(self, *_: Any, **__: Any) -> Any:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


@pytest.fixture
async def held(served: Served, monkeypatch: pytest.MonkeyPatch) -> Held:
    await served.keep(process_batch(slot=SLOT))
    found = Held()
    monkeypatch.setattr(Rollups, "columns", found.columns)
    return found


QUERY = {
    "host": "robot",
    "process": "planner",
    "metric": "cpu_percent",
    "from": str(SLOT),
    "to": str(SLOT + 864_000),
}


async def test_what_takes_too_long_is_given_up_and_says_what_to_do(
    served: Served, held: Held
) -> None:
    answer = await served.http.get(
        "/api/v1/query", params=QUERY | {"timeout_seconds": "0.1"}
    )

    assert 504 == answer.status_code
    assert "urn:robometrics:problem:query_timeout" == answer.json()["type"]
    assert "narrow the range" in answer.json()["detail"]
    assert held.ended.is_set()


async def test_when_its_client_leaves_the_work_ends(served: Served, held: Held) -> None:
    async with httpx.AsyncClient(base_url=served.url) as leaving:
        asking = asyncio.create_task(leaving.get("/api/v1/query", params=QUERY))
        await asyncio.wait_for(held.began.wait(), 10)
        assert not held.ended.is_set()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    await asyncio.wait_for(held.ended.wait(), 10)


async def test_without_the_database_a_query_says_so_and_works_again_with_it(
    link: Link, mongo_server: MongoServer
) -> None:
    now = int(time.time())
    query = {**QUERY, "from": str(now - 60), "to": str(now)}
    async with open_store(mongo_server.url, "robometrics") as store:
        await store.prepare()
        async with serving(link, store) as served:
            await served.keep(process_batch(slot=now - 30))
            mongo_server.kill()
            away = await served.http.get("/api/v1/query", params=query)
            mongo_server.start()

            async def answers() -> bool:
                found = await served.http.get("/api/v1/query", params=query)
                return found.status_code == 200

            await eventually(answers)

    assert 503 == away.status_code
    assert "2" == away.headers["Retry-After"]


async def test_windows_that_are_late_are_made_up_for_by_raw_samples(
    served: Served,
) -> None:
    """The rollup consumer may be down while persist works."""
    now = int(time.time())
    batches = [
        process_batch(
            slot=now - 300 + second,
            metrics={"memory_rss_bytes": [second, second]},
            previous=None,
        )
        for second in range(300)
    ]
    await served.store.batches.insert(batches)
    await served.store.fleet.see(batches)
    await served.store.rollups.fold(batches[:100])

    [series] = (
        await served.get(
            "query",
            host="robot",
            process="planner",
            metric="memory_rss_bytes",
            resolution="10s",
            **{"from": now - 300, "to": now},
        )
    )["series"]

    values = series["metrics"]["memory_rss_bytes"]["values"]
    assert "10s" == series["resolution"]
    assert None not in values[1:]
    assert 299 == max(v for v in series["metrics"]["memory_rss_bytes"]["max"] if v)
