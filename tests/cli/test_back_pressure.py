"""MongoDB is away: the stream fills, outboxes hold; once it is back, all drains."""

from __future__ import annotations

import json
import os
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from builders import process_batch
from publisher.workers import ask, running
from publisher.workers import settings_for as worker_settings
from servers import MongoServer, NatsServer, free_port
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, open_link
from robometrics.errors import RetryLaterError
from robometrics.lib import client
from robometrics.schema import Previous, encode
from robometrics.store import Series, Store, open_store

from .test_server import serving, settings_for

pytestmark = pytest.mark.timeout(120)

ME = Series("robot", "process", "me")
STREAM_BYTES = 2 << 20


async def fill(link: Link) -> int:
    """Publish batches of another host until they are refused; return how many fit."""
    subject = subjects.process_samples("filler", "planner")
    counters = {f"c{i}_total": i for i in range(500)}
    taken = 0
    async with AckedPublisher.open(link, max_in_flight=1) as publisher:
        while True:
            batch = process_batch(
                host="filler",
                slot=1_790_000_000 + taken,
                previous=Previous(offset_ns=-1, counters=counters),
            )
            future = await publisher.publish(
                subject, encode(batch), message_id=f"f-{taken}"
            )
            try:
                await future
            except RetryLaterError as exc:
                assert "maximum bytes" in str(exc)
                return taken
            taken += 1


async def slots_of(store: Store, series: Series) -> list[int]:
    return [batch.slot async for batch in store.batches.read(series, 0, 2**32 - 1)]


async def test_back_pressure_runs_to_the_hosts_and_drains_by_itself(
    nats_server: NatsServer,
    mongo_server: MongoServer,
    database_name: str,
    tmp_path: Path,
) -> None:
    port = free_port()
    serve = settings_for(
        nats_server,
        mongo_server,
        database_name,
        roles=("persist", "rollup", "api"),
        stream_max_bytes=STREAM_BYTES,
        port=port,
    )

    async def pipeline() -> dict[str, Any]:
        def get() -> dict[str, Any]:
            url = f"http://127.0.0.1:{port}/api/v1/pipeline"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return dict(json.loads(answer.read()))

        return await anyio.to_thread.run_sync(get)

    async def full() -> bool:
        stream = (await pipeline())["stream"]
        return bool(stream and stream["percent_full"] > 99)

    async with (
        open_store(mongo_server.url, database_name) as store,
        open_link(nats_server.url, "test") as link,
        serving(serve),
    ):
        me = worker_settings(nats_server.url, tmp_path)
        async with running(me):
            await ask(me, client.register_request("me", os.getpid()))
            await eventually(lambda: _stored(store))
            mongo_server.kill()
            await link.wait_up()
            fillers = await fill(link)
            await eventually(full)
            await eventually(lambda: _held(me.data_dir) >= 6)
            assert not (await pipeline())["database"]["ok"]

            mongo_server.start()
            await eventually(lambda: _held(me.data_dir) == 0, 60)
            await eventually(lambda: _is_empty(pipeline), 60)
        mine = await slots_of(store, ME)
        assert list(range(mine[0], mine[0] + len(mine))) == mine
        assert fillers == len(
            await slots_of(store, Series("filler", "process", "planner"))
        )
        assert 0 == await store.dead_letters.count()


async def _stored(store: Store) -> bool:
    try:
        return bool(await slots_of(store, ME))
    except RetryLaterError:
        return False


async def _is_empty(pipeline: Any) -> bool:
    stream = (await pipeline())["stream"]
    return bool(stream and stream["messages"] < 10)


def _held(data_dir: str) -> int:
    path = Path(data_dir) / "outbox.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM messages").fetchone()[0])
