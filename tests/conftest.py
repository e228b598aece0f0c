"""Fixtures shared by all tests: real servers on free ports, never mocked."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import hypothesis
import pytest
from servers import MongoServer, NatsServer, free_port
from waiting import eventually

from robometrics.broker import Link, open_link, provision
from robometrics.publisher.worker import worker
from robometrics.settings import ServerSettings, WorkerSettings
from robometrics.store import Store, open_store

pytest_plugins = ["pytester"]
# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_databases = itertools.count()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Only asyncio: the NATS and MongoDB drivers know no other loop."""
    return "asyncio", {}


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets a running ``up``, or options and tokens of the developer."""
    for name in os.environ:
        if name.startswith("ROBOMETRICS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ROBOMETRICS_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A broker that belongs to this test alone."""
    directory = tmp_path / "nats"
    directory.mkdir()
    server = NatsServer(directory)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    server = MongoServer(tmp_path_factory.mktemp("mongo"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mongo_server(tmp_path: Path) -> Iterator[MongoServer]:
    """A database server for a test that kills it."""
    server = MongoServer(tmp_path / "mongo")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database_name() -> str:
    """A database that belongs to this test alone."""
    return f"test_{os.getpid()}_{next(_databases)}"


@pytest.fixture
async def store(shared_mongo: MongoServer, database_name: str) -> AsyncIterator[Store]:
    async with open_store(shared_mongo.url, database_name) as opened:
        await opened.prepare()
        yield opened


@pytest.fixture
async def link(nats_server: NatsServer) -> AsyncIterator[Link]:
    """A connection to a broker with stream and durables."""
    async with open_link(nats_server.url, "test") as opened:
        await opened.wait_up()
        await provision(opened, max_bytes=64 << 20, replicas=1)
        yield opened


@pytest.fixture
async def working(
    nats_server: NatsServer, tmp_path: Path
) -> AsyncIterator[dict[str, str]]:
    """A worker, and the environment in which programs find it by NATS alone."""
    settings = WorkerSettings(
        nats_url=nats_server.url,
        host="robot",
        data_dir=str(tmp_path / "worker"),
        socket_path=str(tmp_path / "worker.sock"),
    )
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(worker, settings, stop)
        await eventually(Path(settings.socket_path).exists)
        yield {
            "ROBOMETRICS_NATS_URL": settings.nats_url,
            "ROBOMETRICS_SOCKET_PATH": settings.socket_path,
        }
        stop.set()


@pytest.fixture
def site(
    nats_server: NatsServer, shared_mongo: MongoServer, database_name: str
) -> ServerSettings:
    """The options of a server that keeps everything, however old."""
    return ServerSettings(
        nats_url=nats_server.url,
        mongo_url=shared_mongo.url,
        mongo_database=database_name,
        roles=("api", "persist", "rollup"),
        port=free_port(),
        stream_max_bytes=64 << 20,
    )
