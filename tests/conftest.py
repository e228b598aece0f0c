"""Fixtures shared by all tests: real servers on free ports, never mocked."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from robometrics.broker import Link, open_link, provision
from robometrics.embedded import binaries
from robometrics.store import Store, open_store

START_SECONDS = 30.0
_databases = itertools.count()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Only asyncio: the NATS and MongoDB drivers know no other loop."""
    return "asyncio", {}


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets a running ``up``, or options from the developer's shell."""
    for name in os.environ:
        if name.startswith("ROBOMETRICS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ROBOMETRICS_RUNTIME_DIR", str(tmp_path / "run"))


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NatsServer:
    """A nats-server that a test may kill and start again, on the same port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ports = self.directory / "ports"
        ports.mkdir(parents=True, exist_ok=True)
        for stale in ports.glob("*.ports"):
            stale.unlink()
        command = [str(binaries.nats_server()), "--addr=127.0.0.1", "--jetstream"]
        command += [f"--port={self.port}", f"--store_dir={self.directory / 'store'}"]
        command += [f"--ports_file_dir={ports}"]
        with (self.directory / "nats.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            for file in ports.glob("*.ports"):
                if content := file.read_bytes():
                    json.loads(content)
                    return
            time.sleep(0.01)
        pytest.fail(f"nats-server not up:\n{(self.directory / 'nats.log').read_text()}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=START_SECONDS)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=START_SECONDS)


class MongoServer:
    """A mongod that a test may kill and start again, on the same port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"mongodb://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        store = self.directory / "db"
        store.mkdir(parents=True, exist_ok=True)
        command = [str(binaries.mongod()), "--bind_ip=127.0.0.1"]
        command += [f"--port={self.port}", f"--dbpath={store}", "--nounixsocket"]
        command += ["--wiredTigerCacheSizeGB=0.5"]
        log_path = self.directory / "mongod.log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        pytest.fail(f"mongod not up:\n{log_path.read_text()[-4000:]}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=START_SECONDS)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=START_SECONDS)


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
