"""Requests to a worker: every way in, and every reason to be refused."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import anyio
import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import runtime, subjects
from robometrics.broker import Link
from robometrics.errors import SettingsError
from robometrics.lib import client
from robometrics.publisher.desk import listen_on_socket
from robometrics.publisher.worker import worker
from robometrics.requests import ListRequest, Reply, Watched, encode_request
from robometrics.settings import ClientSettings

from .workers import ask, running, settings_for


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json\n", "malformed"),
        (b'{"type":"register","name":"","pid":1}\n', "name"),
        (b'{"type":"register","name":"x","pid":0}\n', "pid"),
        (b'{"type":"register","name":"x","pid":4194303}\n', "no process"),
        (b'{"type":"register","name":"' + b"x" * 90_000 + b'","pid":1}\n', "one line"),
        (b'{"type":"register","name":"\xc3\xa9' + b"\xc3\xa9" * 60, "too long"),
        (b'{"type":"register","pid":' + b"9" * 5_000 + b"}", "out of range"),
        (b'{"type":"unregister","pid":1}\n', "not registered"),
        (b'{"type":"register","name":"x","pid":1,"start_ticks":1}\n', "another time"),
        (b'{"type":"register","name":"x","pid":1,"boot_id":"abc"}\n', "another mach"),
        (b'{"type":"register","name":"x","pid":1,"pid_namespace":1}\n', "namespace"),
        (
            b'{"type":"register","name":"x","pid":1,"tags":{"Bad Key":"v"}}\n',
            "key",
        ),
    ],
)
async def test_a_bad_request_is_refused_with_a_reason(
    nats_server: NatsServer, tmp_path: Path, line: bytes, reason: str
) -> None:
    if not line.endswith(b"\n"):
        line += b'","pid":1}\n'
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):

        def converse() -> dict[str, Any]:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(settings.socket_path)
                connection.sendall(line)
                return dict(json.loads(connection.makefile("rb").readline()))

        reply = await anyio.to_thread.run_sync(converse)
    assert not reply["accepted"]
    assert reason in reply["reason"].lower()


async def test_requests_by_nats_reach_the_worker_by_name_and_by_kernel(
    nats_server: NatsServer, link: Link, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    request = encode_request(client.register_request("me", os.getpid()))
    async with running(settings):
        for address in ("robot", runtime.boot_id()):
            subject = subjects.register(address)
            found: list[bytes] = []

            async def answered(
                subject: str = subject, found: list[bytes] = found
            ) -> bool:
                data = await link.request(subject, request, timeout_seconds=2)
                found.append(data or b"")
                return bool(data)

            await eventually(answered)
            assert json.loads(found[-1])["accepted"]


async def test_a_second_worker_on_one_outbox_refuses_to_start(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):
        with pytest.raises(SettingsError, match="another worker"):
            await worker(settings, anyio.Event())


async def test_a_second_worker_on_one_socket_refuses_to_start(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    other = settings_for(
        nats_server.url, tmp_path, data_dir=str(tmp_path / "other"), host="two"
    )
    async with running(settings):
        with pytest.raises(SettingsError, match="another worker"):
            await worker(other, anyio.Event())


async def test_too_many_processes_are_refused(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path, max_processes=1)
    async with running(settings):
        one = await ask(settings, client.register_request("a", os.getpid()))
        two = await ask(settings, client.register_request("b", os.getpid()))
    assert (True, False) == (one.accepted, two.accepted)
    assert "max_processes" in two.reason


async def test_a_living_process_cannot_be_declared_ended(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):
        await ask(settings, client.register_request("me", os.getpid()))
        request = client.unregister_request(os.getpid(), ended=True)
        reply = await ask(settings, request)
        assert (False, True) == (reply.accepted, "has not ended" in reply.reason)
        watched = (await ask(settings, ListRequest())).watched
        assert ["me"] == [each.process for each in watched]


async def test_a_list_of_as_many_as_a_worker_takes_arrives(tmp_path: Path) -> None:
    watched = [
        Watched(
            process=f"process_{number}",
            pid=number + 1,
            run=f"0123456789ab-{number}-123456789",
            command="x" * 200,
            tags={"team": "navigation"},
        )
        for number in range(5_000)
    ]
    path = str(tmp_path / "worker.sock")

    def answer(_: bytes, **__: object) -> Reply:
        return Reply(accepted=True, host="robot", watched=watched)

    async with listen_on_socket(path, answer):
        reply = await anyio.to_thread.run_sync(
            client.ask_by_socket,
            encode_request(ListRequest()),
            ClientSettings(socket_path=path),
        )
    assert reply is not None
    assert watched == reply.watched
