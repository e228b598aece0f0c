"""The whole worker against a real broker: what it took is what arrives."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import runtime, subjects
from robometrics.broker import Link, Puller
from robometrics.errors import SettingsError
from robometrics.lib import client
from robometrics.publisher.worker import worker
from robometrics.schema import (
    Event,
    ListRequest,
    ProcessBatch,
    Reply,
    decode_batch,
    decode_event,
    encode_request,
)
from robometrics.settings import ClientSettings, WorkerSettings

from .conftest import Spawn


class Collector:
    """Takes everything off the durable, as a consumer would."""

    def __init__(self, link: Link) -> None:
        self.batches: list[Any] = []
        self.events: list[Event] = []
        self._puller = Puller(link, "persist")

    async def collect(self) -> None:
        for delivery in await self._puller.fetch(500):
            if delivery.subject.startswith(subjects.EVENTS.removesuffix(">")):
                self.events.append(decode_event(delivery.data))
            else:
                self.batches.append(decode_batch(delivery.data))
            await delivery.ack()

    def of(self, name: str) -> list[ProcessBatch]:
        return [
            b for b in self.batches if isinstance(b, ProcessBatch) and b.process == name
        ]

    def said(self) -> list[str]:
        return [event.event for event in self.events]


def settings_for(url: str, folder: Path, **changes: Any) -> WorkerSettings:
    values: dict[str, Any] = {
        "nats_url": url,
        "host": "robot",
        "data_dir": str(folder / "worker"),
        "socket_path": str(folder / "worker.sock"),
        "interval_seconds": 0.1,
    }
    return WorkerSettings(**values | changes)


@asynccontextmanager
async def running(settings: WorkerSettings) -> AsyncIterator[anyio.Event]:
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(worker, settings, stop)
        await eventually(lambda: Path(settings.socket_path).exists())
        yield stop
        stop.set()


async def ask(settings: WorkerSettings, request: Any) -> Reply:
    """Ask by the socket, off the event loop that the worker needs."""
    asking = ClientSettings(socket_path=settings.socket_path)
    reply = await anyio.to_thread.run_sync(
        client.ask_by_socket, encode_request(request), asking
    )
    assert reply is not None
    return reply


async def test_a_registered_process_is_measured_on_the_grid(
    nats_server: NatsServer, link: Link, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    async with running(settings):
        reply = await ask(settings, client.register_request("me", os.getpid()))
        assert (True, "robot", 100_000_000) == (
            reply.accepted,
            reply.host,
            reply.interval_ns,
        )
        with anyio.fail_after(30):
            while len(collector.of("me")) < 3:
                await collector.collect()

    full = collector.of("me")[1]
    assert 10 == len(full.offset_ns)
    assert reply.run == full.run
    ticks = [offset // 100_000_000 for offset in full.offset_ns]
    assert list(range(10)) == ticks


async def test_the_last_reading_is_taken_when_a_process_ends(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn
) -> None:
    settings = settings_for(nats_server.url, tmp_path, interval_seconds=1.0)
    collector = Collector(link)
    async with running(settings):
        child = spawn(
            "import time\n"
            "input()\n"
            "t = time.process_time()\n"
            "while time.process_time() - t < 0.3: pass"
        )
        await ask(settings, client.register_request("burn", child.pid))
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        await anyio.to_thread.run_sync(
            os.waitid, os.P_PID, child.pid, os.WEXITED | os.WNOWAIT
        )
        request = client.unregister_request(child.pid, ended=True, exit_code=0)
        assert (await ask(settings, request)).accepted
        usage = os.wait4(child.pid, 0)[2]
        child.returncode = 0
        with anyio.fail_after(30):
            while "exited" not in collector.said():
                await collector.collect()

    last = collector.of("burn")[-1].metrics["cpu_time_ns"][-1]
    assert usage.ru_utime + usage.ru_stime == pytest.approx(last / 1e9, abs=0.005)
    exited = next(event for event in collector.events if event.event == "exited")
    assert ("burn", 0) == (exited.process, exited.exit_code)


async def test_an_exit_is_noticed_without_being_told(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    async with running(settings):
        child = spawn("input()")
        await ask(settings, client.register_request("short", child.pid))
        child.kill()
        with anyio.fail_after(30):
            while "exited" not in collector.said():
                await collector.collect()
        assert [] == (await ask(settings, ListRequest())).watched


async def test_a_run_that_ends_before_its_first_tick_is_there_with_its_end_last(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn
) -> None:
    """Its end must not seem older than its registration: that would mean it goes on."""
    settings = settings_for(nats_server.url, tmp_path, interval_seconds=30.0)
    collector = Collector(link)
    async with running(settings):
        child = spawn("input()")
        await ask(settings, client.register_request("brief", child.pid))
        child.kill()
        child.wait()
        with anyio.fail_after(30):
            while "exited" not in collector.said():
                await collector.collect()
    times = {e.event: e.at_ns for e in collector.events if e.process == "brief"}
    assert times["registered"] < times["exited"]
    [batch] = collector.of("brief")
    assert 1 == len(batch.offset_ns)


async def test_without_a_broker_the_outbox_holds_everything(
    tmp_path: Path, nats_server: NatsServer, link: Link
) -> None:
    """Registration works by the socket; the broker gets all of it, in order, later."""
    nats_server.stop()
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    async with running(settings):
        assert (
            await ask(settings, client.register_request("me", os.getpid()))
        ).accepted
        outbox = Path(settings.data_dir) / "outbox.db"
        await eventually(lambda: outbox.exists() and _waiting(outbox) >= 4)
        nats_server.start()
        await eventually(lambda: link.is_up)
        with anyio.fail_after(60):
            while _waiting(outbox) > 2 or len(collector.of("me")) < 4:
                try:
                    await collector.collect()
                except Exception:
                    await anyio.sleep(0.05)
    slots = [batch.slot for batch in collector.of("me")]
    assert len(set(slots)) == len(slots)
    assert sorted(slots) == list(range(min(slots), max(slots) + 1))


def _waiting(outbox: Path) -> int:
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(f"file:{outbox}?mode=ro", uri=True) as db:
        count = int(db.execute("SELECT count(*) FROM messages").fetchone()[0])
    db.close()
    return count


async def test_registrations_survive_a_restart_and_no_slot_comes_twice(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    ended = spawn("input()")
    async with running(settings):
        await ask(settings, client.register_request("me", os.getpid()))
        await ask(settings, client.register_request("ended", ended.pid))
        with anyio.fail_after(30):
            while len(collector.of("me")) < 1:
                await collector.collect()
    ended.kill()
    ended.wait()
    async with running(settings):
        watched = (await ask(settings, ListRequest())).watched
        assert ["me"] == [each.process for each in watched]
        before = len(collector.of("me"))
        with anyio.fail_after(30):
            while len(collector.of("me")) < before + 2:
                await collector.collect()
    with anyio.fail_after(30):
        while collector.said().count("worker_stopped") < 2:
            await collector.collect()
    slots = [batch.slot for batch in collector.of("me")]
    assert len(set(slots)) == len(slots)
    assert 1 == collector.said().count("exited")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json\n", "malformed"),
        (b'{"type":"register","name":"","pid":1}\n', "name"),
        (b'{"type":"register","name":"x","pid":0}\n', "pid"),
        (b'{"type":"register","name":"x","pid":4194303}\n', "no process"),
        (b'{"type":"register","name":"' + b"x" * 90_000 + b'","pid":1}\n', "one line"),
        (b'{"type":"register","name":"\xc3\xa9' + b"\xc3\xa9" * 60, "too long"),
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
    other = settings_for(nats_server.url, tmp_path, data_dir=str(tmp_path / "other"))
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


async def test_unregistered_and_registered_again_at_once_is_measured(
    nats_server: NatsServer, link: Link, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    register = client.register_request("me", os.getpid())
    async with running(settings):
        for _ in range(40):
            assert (await ask(settings, register)).accepted
            leave = client.unregister_request(os.getpid(), "me")
            assert (await ask(settings, leave)).accepted
        assert (await ask(settings, register)).accepted
        with anyio.fail_after(30):
            while len(collector.of("me")) < 3:
                await collector.collect()
        watched = (await ask(settings, ListRequest())).watched
        assert ["me"] == [each.process for each in watched]
    slots = [batch.slot for batch in collector.of("me")]
    assert len(set(slots)) == len(slots)


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
