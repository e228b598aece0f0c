"""Real servers, started with the files under ``infra/`` as a site would start them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from robometrics.embedded import binaries

UP_SECONDS = 30.0
"""How long a server may take; a cluster on a busy machine elects slowly."""

POLL_SECONDS = 0.02
ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


class Broker:
    """One nats-server that runs with one of our files."""

    def __init__(self, directory: Path, process: subprocess.Popen[bytes]) -> None:
        self.directory = directory
        self.process = process
        self.url = ""
        self._monitor = ""

    def wait_up(self) -> None:
        ports = wait_until(self._ports, f"broker in {self.directory}", self._problem)
        self.url = ports["nats"][0]
        self._monitor = ports["monitoring"][0]

    def ask(self, path: str) -> dict[str, Any]:
        """Return what the monitoring port says at *path*."""
        reply = httpx.get(self._monitor + path, trust_env=False, timeout=UP_SECONDS)
        return dict(reply.json())

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=UP_SECONDS)

    def _ports(self) -> dict[str, list[str]] | None:
        for file in self.directory.glob("*.ports"):
            if content := file.read_bytes():
                return dict(json.loads(content))
        return None

    def _problem(self) -> str | None:
        return None if self.process.poll() is None else self.log()


def wait_until(
    condition: Callable[[], T | None],
    what: str,
    problem: Callable[[], str | None] = lambda: None,
) -> T:
    """Poll until *condition* holds; fail on *problem*, or when it takes too long."""
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        if (found := condition()) is not None:
            return found
        if told := problem():
            pytest.fail(f"{what}: {told}")
        time.sleep(POLL_SECONDS)
    pytest.fail(f"{what}: not within {UP_SECONDS} s")


@pytest.fixture
def root() -> Path:
    """The root of the tree."""
    return ROOT


@pytest.fixture
def until() -> Callable[..., Any]:
    """The polling of ``wait_until``."""
    return wait_until


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Start a broker with a file of ``infra/nats``, on loopback and free ports."""
    with ExitStack() as stack:

        def start(conf: str, name: str = "broker", **environ: str) -> Broker:
            directory = tmp_path / name
            directory.mkdir()
            anywhere = "127.0.0.1:-1"
            wanted = {
                "NATS_SERVER_NAME": name,
                "NATS_LISTEN": anywhere,
                "NATS_MONITOR_LISTEN": anywhere,
                "NATS_LEAF_LISTEN": anywhere,
                "NATS_STORE_DIR": str(directory / "store"),
            }
            command = [str(binaries.nats_server()), f"--ports_file_dir={directory}"]
            command += ["--config", str(ROOT / "infra/nats" / conf)]
            process = stack.enter_context(
                running(command, directory / "log", os.environ | wanted | environ)
            )
            return Broker(directory, process)

        yield start


@contextmanager
def running(
    command: list[str], log: Path, environ: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server; end it, whatever happens."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=UP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def mongo_address(tmp_path: Path) -> Iterator[str]:
    """Address of a new mongod that runs with our file, on loopback and a free port."""
    store = tmp_path / "db"
    store.mkdir()
    log = tmp_path / "mongod.log"
    command = [
        str(binaries.mongod()),
        "--config",
        str(ROOT / "infra/mongo/mongod.conf"),
    ]
    command += [f"--dbpath={store}", "--port=0", "--bind_ip=127.0.0.1"]
    command += ["--nounixsocket", "--wiredTigerCacheSizeGB=0.25"]
    with running(command, log, dict(os.environ)) as process:

        def port() -> int | None:
            for line in log.read_text().splitlines():
                if "Waiting for connections" in line:
                    return int(json.loads(line)["attr"]["port"])
            return None

        def problem() -> str | None:
            return None if process.poll() is None else log.read_text()[-4000:]

        yield f"127.0.0.1:{wait_until(port, 'mongod', problem)}"
