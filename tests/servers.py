"""Real servers that a test may kill and start again, on the same port."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import IO

import pytest

from robometrics.embedded import binaries

START_SECONDS = 30.0


_RANGES = 16
_recent: deque[int] = deque(maxlen=300)


def free_port() -> int:
    """Return a port below those of outgoing connections, not of another server lately.

    While a server is down, a client that tries again could be given the server's port
    for its own end, and then even reach itself; or another server could, and be taken
    for it. Test processes that run side by side each have a range of their own.
    """
    start = 15_000 + _range() * 1_000
    while True:
        port = start + secrets.randbelow(1_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _recent:
                _recent.append(port)
                return port


@cache
def _range() -> int:
    """Return the first range that no other process has, and keep it till the end."""
    for number in range(_RANGES):
        lock = Path(tempfile.gettempdir()) / f"robometrics-ports-{os.getuid()}-{number}"
        held = lock.open("w")
        with suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _held.append(held)
            return number
        held.close()
    pytest.fail(f"{_RANGES} test processes run already: end some")


_held: list[IO[str]] = []


class Server:
    """A server program on a port of its own, with its files in *directory*."""

    scheme: str

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=START_SECONDS)

    def freeze(self) -> None:
        """Let it live and answer nothing, as a machine that swaps does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        # Until its last thread stands still it may answer.
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=START_SECONDS)


class NatsServer(Server):
    """A nats-server that a test may kill and start again, on the same port."""

    scheme = "nats"
    config: Path | None = None
    """What it is to read besides the options given here."""

    def start(self, *, jetstream: bool = True) -> None:
        ports = self.directory / "ports"
        ports.mkdir(parents=True, exist_ok=True)
        for stale in ports.glob("*.ports"):
            stale.unlink()
        command = [str(binaries.nats_server()), "--addr=127.0.0.1"]
        command += [f"--port={self.port}"]
        if jetstream:
            command += ["--jetstream", f"--store_dir={self.directory / 'store'}"]
        command += [f"--ports_file_dir={ports}"]
        if self.config is not None:
            command += [f"--config={self.config}"]
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


class MongoServer(Server):
    """A mongod that a test may kill and start again, on the same port."""

    scheme = "mongodb"

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
