"""The programs themselves, each with its identity: nothing they do is refused."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import msgspec
import pytest
from servers import MongoServer, free_port
from waiting import eventually

from robometrics import subjects
from robometrics.broker import (
    Advisories,
    add_exports,
    ask_all,
    inspect_broker,
    measure_depth,
    open_link,
    remove_unused_exports,
    unacknowledged,
)
from robometrics.cli.server import server
from robometrics.lib import client
from robometrics.publisher.worker import worker
from robometrics.requests import IntervalRequest, WhoRequest, encode_request
from robometrics.settings import ClientSettings, ServerSettings, WorkerSettings
from robometrics.store import Store

from .sites import CONSUMERS, HOSTS, EnrolledSite

OWN = HOSTS[1]


async def test_a_pipeline_with_identities_stores_serves_and_is_never_refused(
    site: EnrolledSite,
    store: Store,
    shared_mongo: MongoServer,
    database_name: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Were a subject new and its permission forgotten, this would say so."""
    of = {role: site.address(role, OWN) for role in ("worker", "program")}
    of["server"] = site.address("server", "server")
    token = str(site.office.token_file(OWN))
    worker_settings = WorkerSettings(
        nats_url=site.server.url,
        nats_credentials_file=of["worker"].credentials_file,
        register_token_file=token,
        host=OWN,
        data_dir=str(tmp_path / "worker"),
        socket_path=str(tmp_path / "worker.sock"),
        interval_seconds=0.1,
    )
    server_settings = ServerSettings(
        nats_url=site.server.url,
        nats_credentials_file=of["server"].credentials_file,
        mongo_url=shared_mongo.url,
        mongo_database=database_name,
        roles=("api",),
        port=free_port(),
        stream_max_bytes=64 << 20,
    )
    consumers = msgspec.structs.replace(
        server_settings,
        nats_credentials_file=site.address("consumer", CONSUMERS).credentials_file,
        roles=("persist", "rollup", "housekeeping"),
        health_address=f"127.0.0.1:{free_port()}",
    )
    program = ClientSettings(
        nats_url=site.server.url,
        nats_credentials_file=of["program"].credentials_file,
        register_token_file=token,
        register_host=OWN,
        socket_path=str(tmp_path / "no.sock"),
    )
    stop = anyio.Event()
    async with (
        anyio.create_task_group() as tg,
        open_link(of["server"], "administrator") as link,
    ):
        tg.start_soon(server, server_settings, stop)
        tg.start_soon(server, consumers, stop)
        tg.start_soon(worker, worker_settings, stop)
        with anyio.fail_after(30):
            await link.wait_up()
        await eventually(Path(worker_settings.socket_path).exists)

        async def registered() -> bool:
            asked = client.register_request("me", os.getpid())
            reply = await anyio.to_thread.run_sync(client._ask_by_nats, asked, program)
            return reply is not None and reply.accepted

        await eventually(registered)
        refused = client.register_request("me", os.getpid())
        tokenless = msgspec.structs.replace(program, register_token_file="")
        reply = await anyio.to_thread.run_sync(client.ask, refused, tokenless)
        assert not reply.accepted
        order = encode_request(IntervalRequest(interval_ns=50_000_000))
        assert await link.request(subjects.register(OWN), order, timeout_seconds=5)
        who = encode_request(WhoRequest())
        assert 1 == len(await ask_all(of["server"], subjects.CONTROL, who, seconds=0.5))
        await add_exports(link, ["export_otlp"], max_age_seconds=60)
        await measure_depth(link)
        await unacknowledged(link, 1)
        await remove_unused_exports(link, [])
        await Advisories(link).read(1)
        state = await inspect_broker(link, max_bytes=64 << 20, replicas=1)
        assert [] == state.differences

        async def stored() -> bool:
            return await store.fleet.process(OWN, "me") is not None

        await eventually(stored)
        stop.set()

    assert [] == [each for each in caplog.messages if "violation" in each.lower()]
