"""A query whose database is away, too slow, or that nobody waits for any more."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from builders import SLOT, host_batch
from servers import MongoServer
from waiting import eventually

from robometrics.broker import Link
from robometrics.store import open_store

from .conftest import Served, serving

AT = {"query": "load_1m", "time": str(SLOT + 1)}
NO_DATABASE = {"query": "1+1"}


@pytest.fixture
async def served(link: Link, mongo_server: MongoServer) -> AsyncIterator[Served]:
    async with (
        open_store(mongo_server.url, "outage") as store,
        serving(link, store) as found,
    ):
        await store.prepare()
        await found.keep(host_batch())
        yield found
        mongo_server.thaw()


async def query(served: Served, **form: str) -> httpx.Response:
    return await served.http.post("/prometheus/api/v1/query", data=form)


async def test_a_timeout_is_kept_while_the_database_hangs(
    served: Served, mongo_server: MongoServer
) -> None:
    assert 1 == len((await query(served, **AT)).json()["data"]["result"])
    mongo_server.freeze()
    begun = time.monotonic()
    answer = await query(served, **AT, timeout="300ms")
    assert 503 == answer.status_code
    assert "timeout" == answer.json()["errorType"]
    assert "timed out" in answer.json()["error"]
    assert time.monotonic() - begun < 10
    mongo_server.thaw()
    assert 1 == len((await query(served, **AT)).json()["data"]["result"])


async def test_a_database_that_is_away_is_unavailable(
    served: Served, mongo_server: MongoServer
) -> None:
    mongo_server.kill()
    answer = await query(served, **AT)
    assert 503 == answer.status_code
    assert "unavailable" == answer.json()["errorType"]
    assert "2" == answer.headers["retry-after"]
    assert "2" == (await query(served, **NO_DATABASE)).json()["data"]["result"][1]
    mongo_server.start()

    async def answers() -> bool:
        return (await query(served, **AT)).is_success

    await eventually(answers)


async def test_queries_that_nobody_waits_for_make_room(
    served: Served, mongo_server: MongoServer
) -> None:
    """As many hang as may run at once: the next one waits until their askers leave."""
    mongo_server.freeze()
    async with (
        httpx.AsyncClient(base_url=served.url, timeout=60) as askers,
        anyio.create_task_group() as tg,
    ):
        for _ in range(4):
            tg.start_soon(lambda: askers.post("/prometheus/api/v1/query", data=AT))

        async def is_full() -> bool:
            answer = await query(served, **NO_DATABASE, timeout="100ms")
            return answer.status_code == 503

        await eventually(is_full)
        tg.cancel_scope.cancel()

    assert 200 == (await query(served, **NO_DATABASE, timeout="10s")).status_code
