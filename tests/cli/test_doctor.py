"""``robometrics doctor``: what is well, what is not, and what to do."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest
from builders import announced, host_batch
from nats.js.api import StreamConfig
from servers import MongoServer, NatsServer, free_port
from waiting import eventually

from robometrics.broker import Link, add_exports, open_link
from robometrics.cli.main import main
from robometrics.cli.server import server
from robometrics.publisher.worker import worker
from robometrics.settings import ServerSettings, WorkerSettings
from robometrics.store import DeadLetter, Store


class Report(NamedTuple):
    code: int
    text: str

    def line(self, level: str, name: str) -> str:
        """Return the only line of *name*, which has *level*, with its advice."""
        lines = [*self.text.splitlines(), ""]
        [index] = [i for i, line in enumerate(lines) if line[9:26].strip() == name]
        found, advice = lines[index : index + 2]
        has_advice = advice.strip().startswith("->")
        assert (level, level != "ok") == (found.split()[0], has_advice), found
        return found + advice if has_advice else found

    def names(self) -> list[str]:
        lines = self.text.splitlines()
        return [line[9:26].strip() for line in lines if line[0] != " "]


Doctor = Callable[..., Awaitable[Report]]


@pytest.fixture
def doctor(
    nats_server: NatsServer,
    shared_mongo: MongoServer,
    database_name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Doctor:
    """The command, told where this test's servers, socket and outbox are."""
    flags = [f"--nats-url={nats_server.url}", f"--mongo-url={shared_mongo.url}"]
    flags += [f"--mongo-database={database_name}", f"--stream-max-bytes={64 << 20}"]
    flags += [f"--socket-path={tmp_path / 'w.sock'}", f"--data-dir={tmp_path / 'w'}"]

    async def run(*words: str, without: str = "no flag") -> Report:
        usual = [flag for flag in flags if not flag.startswith(without)]
        argv = ["doctor", *usual, *words]
        code = await anyio.to_thread.run_sync(partial(main, argv))
        return Report(code, capsys.readouterr().out)

    return run


@pytest.fixture
async def product(
    nats_server: NatsServer,
    shared_mongo: MongoServer,
    database_name: str,
    store: Store,
    tmp_path: Path,
) -> AsyncIterator[None]:
    """A server and a worker that do their work."""
    consuming = ServerSettings(
        nats_url=nats_server.url,
        mongo_url=shared_mongo.url,
        mongo_database=database_name,
        roles=("persist", "rollup"),
        stream_max_bytes=64 << 20,
    )
    measuring = WorkerSettings(
        nats_url=nats_server.url,
        host="robot",
        data_dir=str(tmp_path / "w"),
        socket_path=str(tmp_path / "w.sock"),
    )
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(server, consuming, stop)
        tg.start_soon(worker, measuring, stop)

        async def stored() -> bool:
            return bool(await store.fleet.hosts())

        await eventually(stored)
        yield
        stop.set()


async def test_where_all_is_well_it_says_so_of_everything(
    product: None, doctor: Doctor
) -> None:
    report = await doctor()

    assert 0 == report.code, report.text
    assert [
        *("settings", "packages", "broker", "stream", "clock of broker"),
        *("stream fill", "consumer persist", "consumer rollup"),
        *("database", "copies", "collections", "clock of database"),
        *("dead letters", "housekeeping", "hosts", "worker", "outbox", "disk"),
    ] == report.names()
    for name in report.names():
        report.line("ok", name)
    assert f"pid {os.getpid()}" in report.line("ok", "worker")
    assert "nats-py 2.16" in report.line("ok", "packages")


async def test_with_everything_away_it_still_reports(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.cli.checks.broker.CONNECT_SECONDS", 0.3)
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv(
        "ROBOMETRICS_MONGO_URL",
        f"mongodb://me:secret@{nowhere}/?serverSelectionTimeoutMS=200",
    )

    report = await doctor(f"--nats-url=nats://{nowhere}", without="--mongo-url")

    assert 1 == report.code
    assert "outboxes" in report.line("problem", "broker")
    assert nowhere in report.line("problem", "database")
    assert "secret" not in report.text
    assert "robometrics-worker" in report.line("warning", "worker")
    assert "--data-dir" in report.line("warning", "outbox")


async def test_a_host_without_a_broker_is_well(doctor: Doctor, tmp_path: Path) -> None:
    measuring = WorkerSettings(
        nats_url="",
        host="robot",
        data_dir=str(tmp_path / "w"),
        socket_path=str(tmp_path / "w.sock"),
    )
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(worker, measuring, stop)
        await eventually(Path(measuring.socket_path).exists)
        report = await doctor("--nats-url=", without="--nats-url")
        stop.set()

    assert 0 == report.code, report.text
    names = ["settings", "packages", "broker", "worker", "outbox", "disk"]
    assert names == report.names()
    for name in names:
        report.line("ok", name)
    assert "none, as nats_url is empty" in report.line("ok", "broker")


async def test_servers_that_nobody_prepared_are_problems(doctor: Doctor) -> None:
    report = await doctor()

    assert 1 == report.code
    assert "stream not found" in report.text
    assert "robometrics provision" in report.line("problem", "stream depth")
    assert "batches" in report.line("problem", "collections")


async def test_a_stream_that_is_not_as_wanted_is_told_by_what_differs(
    link: Link, store: Store, doctor: Doctor
) -> None:
    js = link.require_client().jetstream()
    info = await js.consumer_info("ROBOMETRICS", "rollup")
    await js.add_consumer("ROBOMETRICS", info.config.evolve(max_deliver=7))

    report = await doctor("--stream-max-bytes", str(32 << 20))

    problems = [line for line in report.text.splitlines() if "problem  stream" in line]
    assert 2 == len(problems)
    assert f"ROBOMETRICS: max_bytes is {64 << 20}, not {32 << 20}" in problems[0]
    assert "rollup of ROBOMETRICS: max_deliver is 7, not 100" in problems[1]
    assert 1 == report.code


async def test_an_export_that_is_wanted_and_not_there_is_told(
    link: Link, store: Store, doctor: Doctor
) -> None:
    wanted = ("--roles=export", "--export-otlp-url=http://h/v1/metrics")
    report = await doctor(*wanted)
    assert "export_otlp of ROBOMETRICS: consumer not found" in report.text

    await add_exports(link, ["export_otlp"], max_age_seconds=600)

    report = await doctor(*wanted)
    report.line("ok", "stream")
    report = await doctor()  # and one that is there, and not wanted
    assert "robometrics provision" in report.line("warning", "export")


async def test_where_nothing_consumes_it_says_what_to_start(
    link: Link, store: Store, doctor: Doctor
) -> None:
    report = await doctor()

    assert 1 == report.code
    assert "--roles" in report.line("problem", "consumer persist")
    assert "--roles" in report.line("problem", "consumer rollup")
    report.line("ok", "stream")
    report.line("ok", "collections")


async def test_dead_letters_and_silent_hosts_are_warnings_and_steer_nothing(
    product: None, store: Store, doctor: Doctor
) -> None:
    letter = DeadLetter(
        stream_sequence=1, consumer="persist", subject="s", reason="r", data=b""
    )
    await store.dead_letters.insert([letter])
    hour_ago = int(time.time()) - 3_700
    await store.fleet.see([host_batch(host="lost\x1b[2J", slot=hour_ago)])
    await store.fleet.see([host_batch(host="retired", slot=hour_ago - 30 * 86_400)])

    report = await doctor()

    assert 0 == report.code, report.text
    assert "robometrics dead-letters" in report.line("warning", "dead letters")
    assert "silent: lost?[2J (1 h)" in report.line("warning", "hosts")
    assert "retired" not in report.text
    assert report.text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "words",
    [("--mongo-database=a b",), ("--port=x",), ("--config=/does/not/exist.toml",)],
)
async def test_a_wrong_option_is_the_first_problem(
    doctor: Doctor, words: tuple[str, ...]
) -> None:
    report = await doctor(*words)

    assert (1, ["settings"]) == (report.code, report.names())
    report.line("problem", "settings")


async def test_beside_a_running_up_it_looks_at_the_outbox_of_that(
    doctor: Doctor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announced(worker_dir=str(tmp_path / "elsewhere"), nats_url="nats://127.0.0.1:1")
    words = ["doctor", "--mongo-url=mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1"]
    await anyio.to_thread.run_sync(partial(main, words))

    report = Report(1, capsys.readouterr().out)
    assert "the running robometrics up" in report.line("ok", "settings")
    assert str(tmp_path / "elsewhere") in report.line("warning", "outbox")
    assert str(tmp_path / "w" / "outbox.db") in (await doctor()).text


async def test_a_check_that_fails_hides_no_other(
    product: None, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("robometrics.lib.client.ask_by_socket", broken)

    report = await doctor()

    assert 1 == report.code
    assert "ZeroDivisionError" in report.line("problem", "worker")
    report.line("ok", "outbox")


async def test_a_frozen_broker_is_not_waited_for_long(
    doctor: Doctor, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.cli.checks.broker.CONNECT_SECONDS", 0.5)
    nats_server.freeze()
    start = time.monotonic()

    report = await doctor()

    nats_server.thaw()
    assert time.monotonic() - start < 15
    assert "no answer in" in report.line("problem", "broker")


async def test_a_broker_without_jetstream_is_told_what_to_configure(
    nats_server: NatsServer, doctor: Doctor
) -> None:
    nats_server.stop()
    nats_server.start(jetstream=False)

    report = await doctor()

    assert "infra/nats" in report.line("problem", "jetstream")
    assert "stream" not in report.names()


async def test_another_stream_beside_ours_is_not_its_business(
    link: Link, store: Store, doctor: Doctor, nats_server: NatsServer
) -> None:
    async with open_link(nats_server.url, "other") as other:
        js = (await other.wait_up()).jetstream()
        await js.add_stream(StreamConfig(name="OTHER", subjects=["other.>"]))

    report = await doctor()

    report.line("ok", "stream")
