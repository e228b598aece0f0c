"""``robometrics up``, started as a user would, and a witness beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import poll_until

from benchmarks.fleet.running import Fleet, running
from robometrics.runtime import Running

READY_SECONDS = 60


class Product:
    """A running ``robometrics up``."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ROBOMETRICS_")
        } | {"ROBOMETRICS_RUNTIME_DIR": str(folder / "run")}
        self.output = folder / "up.log"
        command = [sys.executable, "-m", "robometrics", "up", "--no-browser"]
        command += [f"--data-dir={folder / 'data'}", "--port=0", "--host=robot"]
        command += ["--interval-seconds=0.1", *options]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.said()
            return "ready: " in self.said()

        try:
            poll_until(ready, READY_SECONDS)
        except AssertionError:
            pytest.fail(f"not ready:\n{self.said()}")
        found = (self.folder / "run" / "up.json").read_bytes()
        self.running = Running(**json.loads(found))
        self.url = self.running.api_url

    def said(self) -> str:
        return self.output.read_text()

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "robometrics", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def get(self, path: str) -> Any:
        url = f"{self.url}/api/v1/{path}"
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310  our own
            return json.loads(answer.read())

    def child(self, name: str) -> psutil.Process:
        """Return the child that runs *name*: worker, server, mongod or nats-server."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            words = child.cmdline()
            program = Path(words[0]).name if words else ""
            ours = words[1:3] == ["-m", "robometrics"] and name in words
            if ours or name == program:
                return child
        pytest.fail(f"no child {name}: {self.said()}")

    def log(self, name: str) -> str:
        return (self.folder / "data" / "logs" / f"{name}.log").read_text()

    def stop(self, signum: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One product for all tests that leave it whole."""
    started = Product(tmp_path_factory.mktemp("product"))
    try:
        started.wait_ready()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Ten hosts with a few minutes of history, for all tests that leave them whole."""
    with running(history_seconds=300) as found:
        yield found


@pytest.fixture
def own_product(tmp_path: Path) -> Iterator[Product]:
    """A product that a test may break."""
    started = Product(tmp_path)
    try:
        started.wait_ready()
        yield started
    finally:
        started.stop()


def busy(seconds: float) -> list[str]:
    """Return a command that burns *seconds* of CPU, then prints what it used."""
    code = (
        "import resource, time\n"
        f"end = time.process_time() + {seconds}\n"
        "while time.process_time() < end: pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime)\n"
    )
    return [sys.executable, "-c", code]


def wait_until_stored(product: Product, process: str, state: str) -> dict[str, Any]:
    """Wait until the API shows *process* in *state*; return its row."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for row in product.get("processes")["processes"]:
            if (row["process"], row["state"]) == (process, state):
                return dict(row)
        time.sleep(0.05)
    pytest.fail(f"{process} never became {state}")
