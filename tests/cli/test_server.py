"""The server as wired: it provisions, stores, and starts over with an empty broker."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from builders import SLOT, process_batch
from servers import MongoServer, NatsServer, free_port
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, open_link
from robometrics.cli.server import server
from robometrics.errors import RetryLaterError, SettingsError
from robometrics.schema import encode
from robometrics.settings import ServerSettings
from robometrics.store import Series, Store

PLANNER = Series("robot", "process", "planner")


@asynccontextmanager
async def serving(settings: ServerSettings) -> AsyncIterator[None]:
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(server, settings, stop)
        yield
        stop.set()


async def publish(link: Link, slot: int) -> None:
    """Publish one batch until the stream takes it, as an uplink does."""
    batch = process_batch(slot=slot)
    subject = subjects.process_samples(batch.host, batch.process)
    async with AckedPublisher.open(link, max_in_flight=1) as publisher:

        async def taken() -> bool:
            future = await publisher.publish(
                subject, encode(batch), message_id=f"t-{slot}"
            )
            try:
                await future
            except RetryLaterError:
                return False
            return True

        await eventually(taken)


def settings_for(
    nats: NatsServer, mongo: MongoServer, database: str, **changes: Any
) -> ServerSettings:
    values: dict[str, Any] = {
        "nats_url": nats.url,
        "mongo_url": mongo.url,
        "mongo_database": database,
        "roles": ("persist", "rollup"),
        "stream_max_bytes": 64 << 20,
    }
    return ServerSettings(**values | changes)


async def test_consumers_go_on_with_a_broker_that_lost_its_disk(
    nats_server: NatsServer,
    shared_mongo: MongoServer,
    database_name: str,
    store: Store,
) -> None:
    settings = settings_for(nats_server, shared_mongo, database_name)

    async def stored(count: int) -> bool:
        found = store.batches.read(PLANNER, SLOT, SLOT + 10)
        return count == len([batch async for batch in found])

    async with open_link(nats_server.url, "test") as link, serving(settings):
        await publish(link, SLOT)
        await eventually(lambda: stored(1))
        nats_server.kill()
        shutil.rmtree(nats_server.directory / "store")
        nats_server.start()
        await publish(link, SLOT + 1)
        await eventually(lambda: stored(2))


async def test_without_a_broker_there_is_no_server() -> None:
    """An empty URL is for workers."""
    with pytest.raises(SettingsError, match="a server needs a broker"):
        await server(ServerSettings(nats_url=""), anyio.Event())


async def test_each_role_runs_alone(
    nats_server: NatsServer,
    shared_mongo: MongoServer,
    database_name: str,
    store: Store,
) -> None:
    """Rolled up, but not stored: nobody runs persist."""
    settings = settings_for(nats_server, shared_mongo, database_name, roles=("rollup",))
    async with open_link(nats_server.url, "test") as link, serving(settings):
        await publish(link, SLOT)

        async def folded() -> bool:
            windows = store.rollups.read(PLANNER, "1m", SLOT - 60, SLOT + 60)
            return 2 == sum([window.stats.count async for window in windows])

        await eventually(folded)
        batches = store.batches.read(PLANNER, SLOT, SLOT + 1)
        assert [] == [batch async for batch in batches]


async def test_consumers_without_an_api_tell_how_they_are_and_nothing_else(
    nats_server: NatsServer, shared_mongo: MongoServer, database_name: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = settings_for(
        nats_server, shared_mongo, database_name, health_address=address
    )
    client = httpx.AsyncClient(base_url=f"http://{address}", trust_env=False)
    async with client, serving(settings):

        async def status(path: str = "ready") -> int | None:
            try:
                return (await client.get(f"/api/v1/health/{path}")).status_code
            except httpx.TransportError:
                return None  # it does not listen yet

        async def is_ready() -> bool:
            return 200 == await status()

        await eventually(is_ready)
        parts = (await client.get("/api/v1/health/ready")).json()["parts"]
        assert {"persist", "rollup"} < {*parts}
        assert 404 == (await client.get("/api/v1/hosts")).status_code

        nats_server.kill()

        async def is_unready() -> bool:
            return 503 == await status()

        await eventually(is_unready)
        assert 200 == await status("live")
