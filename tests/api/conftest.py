"""The API, served for real, with batches that the tests make themselves."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from servers import MongoServer, free_port
from waiting import eventually

from robometrics import subjects
from robometrics.api.access.gate import Access
from robometrics.api.app import make_app, serve
from robometrics.api.health import Keeper, Watched
from robometrics.broker import AckedPublisher, Link
from robometrics.schema import AnyBatch, encode
from robometrics.store import Store, open_store


class Served:
    """A running API, and what a worker and a consumer would do to it."""

    def __init__(self, url: str, link: Link, store: Store) -> None:
        self.url = url
        self.link = link
        self.store = store
        self.http = httpx.AsyncClient(base_url=url, timeout=30)

    async def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.http.get(f"/api/v1/{path}", params=params)
        assert status == answer.status_code, answer.text
        return answer.json()

    async def keep(self, *batches: AnyBatch) -> None:
        """Store batches as both consumers do."""
        await self.store.batches.insert(batches)
        await self.store.fleet.see(batches)
        await self.store.rollups.fold(batches)

    async def publish(self, *batches: AnyBatch) -> None:
        """Publish batches as a worker does."""
        async with AckedPublisher.open(self.link, max_in_flight=64) as publisher:
            for batch in batches:
                subject = subjects.samples(batch.host, batch.kind, batch.name)
                identity = f"{batch.name}-{batch.run}-{batch.slot}-{id(batch)}"
                await (
                    await publisher.publish(subject, encode(batch), message_id=identity)
                )


@pytest.fixture(params=["csv", "parquet", "arrow"])
def wanted(request: pytest.FixtureRequest) -> str:
    """A format of exported files."""
    return str(request.param)


@pytest.fixture
def start() -> int:
    """A whole hour, not long ago."""
    now = int(time.time())
    return now - now % 3_600 - 7_200


@pytest.fixture
def unlingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consumers wait for nothing which is there already."""
    monkeypatch.setattr("robometrics.consumers.rollup.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.broker.consumer.FETCH_SECONDS", 0.1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was revoked is noticed at once, and not within seconds."""
    monkeypatch.setattr("robometrics.api.access.callers.KNOWN_SECONDS", 0.05)
    monkeypatch.setattr("robometrics.api.access.sockets.RECHECK_SECONDS", 0.05)


@pytest.fixture
async def unprepared(
    shared_mongo: MongoServer, database_name: str
) -> AsyncIterator[Store]:
    """A database without indexes: as good for few documents, and there at once."""
    async with open_store(shared_mongo.url, database_name) as opened:
        yield opened


@pytest.fixture
async def served(link: Link, store: Store) -> AsyncIterator[Served]:
    async with serving(link, store) as found:
        yield found


@asynccontextmanager
async def serving(
    link: Link,
    store: Store,
    *watched: Watched,
    keeper: Keeper | None = None,
    access: Access | None = None,
    trusted_proxies: tuple[str, ...] = (),
) -> AsyncIterator[Served]:
    """Serve the API beside the block."""
    port = free_port()
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        app = make_app(link, store, watched, keeper, access=access)
        tg.start_soon(serve, app, "127.0.0.1", port, stop, trusted_proxies)
        found = Served(f"http://127.0.0.1:{port}", link, store)

        async def answers() -> bool:
            try:
                return (await found.http.get("/api/v1/health/live")).is_success
            except httpx.TransportError:
                return False

        await eventually(answers)
        yield found
        await found.http.aclose()
        stop.set()
