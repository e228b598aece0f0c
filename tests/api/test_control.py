"""The API passes on what is wanted, and what the worker says to it."""

from __future__ import annotations

import os

import anyio
import pytest
from servers import NatsServer
from waiting import eventually

from robometrics.lib import client
from robometrics.requests import encode_request
from robometrics.settings import ClientSettings

from .conftest import Served
from .viewing import Client, viewing


async def test_burst_and_interval_reach_the_worker(
    served: Served, nats_server: NatsServer, working: dict[str, str]
) -> None:
    settings = ClientSettings(
        nats_url=nats_server.url, socket_path=working["ROBOMETRICS_SOCKET_PATH"]
    )

    async def ask(request: object) -> object:
        reply = await anyio.to_thread.run_sync(
            client.ask_by_socket, encode_request(request), settings
        )
        assert reply is not None
        return reply

    await ask(client.register_request("planner", os.getpid()))
    path = "/api/v1/burst"
    wanted = {"host": "robot", "process": "planner", "hz": 100, "seconds": 60}
    begun = await served.http.post(path, json=wanted)
    assert 202 == begun.status_code, begun.text
    found = begun.json()
    assert (10_000_000, 60_000) == (
        found["interval_ns"],
        round(found["until_ms"] - found["from_ms"]),
    )

    wanted = {"host": "robot", "interval_seconds": 0.25}
    changed = await served.http.post("/api/v1/interval", json=wanted)
    assert (200, 250_000_000) == (changed.status_code, changed.json()["interval_ns"])


async def test_a_burst_is_seen_live_until_another_one_ends_it(
    served: Served, nats_server: NatsServer, working: dict[str, str]
) -> None:
    """What a page needs to show a recording, and to stop it."""
    settings = ClientSettings(
        nats_url=nats_server.url, socket_path=working["ROBOMETRICS_SOCKET_PATH"]
    )
    request = encode_request(client.register_request("planner", os.getpid()))
    reply = await anyio.to_thread.run_sync(client.ask_by_socket, request, settings)
    assert reply is not None

    async def record(seconds: float) -> None:
        wanted = {"host": "robot", "process": "planner", "hz": 50, "seconds": seconds}
        answer = await served.http.post("/api/v1/burst", json=wanted)
        assert 202 == answer.status_code, answer.text

    async def see(viewer: Client, interval_ns: int) -> None:
        viewer.batches.clear()
        with anyio.fail_after(30):
            while interval_ns not in [each["interval_ns"] for each in viewer.batches]:
                await viewer.receive()

    async with viewing(served) as viewer:
        planner = {"host": "robot", "process": "planner", "metrics": ["cpu_time_ns"]}
        await viewer.subscribe(planner)
        await see(viewer, reply.interval_ns)
        await record(600)
        await see(viewer, 20_000_000)
        await record(0.1)
        await see(viewer, reply.interval_ns)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"host": "robot", "process": "nobody"}, 409, "not measured on robot"),
        ({"host": "none", "process": "planner"}, 404, "no worker answers for none"),
        ({"host": "robot", "process": "p", "hz": 2_000}, 400, "hz"),
        ({"host": "robot", "process": "p", "second": 2}, 400, "second"),
        ({"host": "robot"}, 400, "process"),
    ],
)
async def test_a_burst_that_cannot_be_is_a_problem(
    served: Served,
    working: dict[str, str],
    body: dict[str, object],
    status: int,
    said: str,
) -> None:
    async def settled() -> bool:
        probe = {"host": "robot", "process": "nobody"}
        return (await served.http.post("/api/v1/burst", json=probe)).status_code == 409

    await eventually(settled)
    answer = await served.http.post("/api/v1/burst", json=body)
    assert status == answer.status_code, answer.text
    assert said in answer.text


async def test_a_form_of_another_site_changes_nothing(served: Served) -> None:
    """A browser sends text/plain anywhere without asking first."""
    answer = await served.http.post(
        "/api/v1/burst",
        content=b'{"host":"robot","process":"planner"}',
        headers={"content-type": "text/plain"},
    )
    assert 415 == answer.status_code
