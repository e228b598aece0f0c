"""The whole worker against a real broker: what it took is what arrives."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest
from builders import announced
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link
from robometrics.cli.worker_dir import worker_dir
from robometrics.lib import client
from robometrics.publisher.report import report
from robometrics.requests import ListRequest, WhoRequest, encode_request
from robometrics.settings import WorkerSettings, load

from .conftest import Spawn
from .workers import Collector, ask, running, settings_for


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


async def test_with_an_empty_url_it_connects_nowhere_and_the_outbox_keeps_all(
    nats_server: NatsServer,
    link: Link,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where a broker would be found: by an option, or of a running up."""
    announced(nats_url=nats_server.url)
    environ = dict(os.environ)
    usual = {name: str(tmp_path / name) for name in ("data_dir", "socket_path")}
    usual |= {"host": "robot"}
    assert nats_server.url == load(WorkerSettings, usual, environ).nats_url
    settings = load(WorkerSettings, usual, environ | {"ROBOMETRICS_NATS_URL": ""})
    caplog.set_level("INFO", "robometrics")
    request = encode_request(WhoRequest())
    outbox = tmp_path / "data_dir" / "outbox.db"

    async with running(settings):
        await ask(settings, client.register_request("me", os.getpid()))

        def kept() -> bool:
            return "me" in [each.name for each in report(outbox, columns=1).series]

        await eventually(kept)
        usual_dir = load(WorkerSettings, {"socket_path": settings.socket_path})
        found = await anyio.to_thread.run_sync(worker_dir, usual_dir)
        heard = await link.gather(subjects.register("robot"), request, seconds=0.3)

    assert [] == heard
    assert settings.data_dir == found
    assert kept()
    assert 1 == sum("no broker" in line for line in caplog.messages)


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
        reply = await ask(settings, request)
        assert reply.accepted
        usage = os.wait4(child.pid, 0)[2]
        child.returncode = 0
        with anyio.fail_after(30):
            while "exited" not in collector.said():
                await collector.collect()

    last = collector.of("burn")[-1].metrics["cpu_time_ns"][-1]
    assert usage.ru_utime + usage.ru_stime == pytest.approx(last / 1e9, abs=0.005)
    exited = next(event for event in collector.events if event.event == "exited")
    assert ("burn", 0) == (exited.process, exited.exit_code)
    assert sum(len(b.offset_ns) for b in collector.of("burn")) == reply.samples


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
    said = {e.event: e for e in collector.events if e.process == "brief"}
    assert said["registered"].at_ns < said["exited"].at_ns
    assert str(os.getpid()) == (said["registered"].ancestors or [""])[0].split("-")[1]
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
