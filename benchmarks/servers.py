"""Real servers on free ports of this machine; each ends with its ``with`` block."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from robometrics.embedded import binaries
from robometrics.runtime import DIRECTORY_ENV
from robometrics.settings import ENV_PREFIX

START_SECONDS = 30.0
_ROOT = Path(__file__).parents[1]
_STOP_SECONDS = 20.0


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Yield a folder of this run alone, short enough for a Unix socket in it."""
    with tempfile.TemporaryDirectory(prefix="rm-bench-") as name:
        yield Path(name)


@contextlib.contextmanager
def nats_server(at: Path, monitor_port: int | None = None) -> Iterator[str]:
    """Yield the URL of a broker with JetStream, as ``robometrics up`` runs it."""
    port = free_port()
    config = at / "nats.conf"
    monitor = f"http: 127.0.0.1:{monitor_port}\n" if monitor_port else ""
    config.write_text(
        f"host: 127.0.0.1\nport: {port}\n{monitor}"
        f'jetstream {{ store_dir: "{at / "nats"}", sync_interval: 1s }}\n'
        "feature_flags { js_ack_fc_v2: false }\n",
        encoding="utf-8",
    )
    command = [str(binaries.nats_server()), "--config", str(config)]
    with child(command, at / "nats.log") as server:
        wait_until(lambda: listens(port), server)
        yield f"nats://127.0.0.1:{port}"


@contextlib.contextmanager
def mongod(at: Path) -> Iterator[str]:
    """Yield the URL of a database server."""
    port = free_port()
    data = at / "mongo"
    data.mkdir()
    command = [str(binaries.mongod()), "--bind_ip=127.0.0.1", f"--port={port}"]
    command += [f"--dbpath={data}", "--nounixsocket", "--wiredTigerCacheSizeGB=0.5"]
    with child([*command, "--quiet"], at / "mongod.log") as server:
        wait_until(lambda: listens(port), server)
        yield f"mongodb://127.0.0.1:{port}"


@contextlib.contextmanager
def robometrics(at: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield ``robometrics …`` as a process of its own, as users run it."""
    log = at / f"{arguments[0]}-{time.monotonic_ns()}.log"
    with child([sys.executable, "-m", "robometrics", *arguments], log) as process:
        yield process


@contextlib.contextmanager
def sleepers(count: int) -> Iterator[list[int]]:
    """Yield the pids of *count* processes that do nothing."""
    with contextlib.ExitStack() as stack:
        log = Path(os.devnull)
        processes = [
            stack.enter_context(child(["/bin/sleep", "3600"], log, leashed=False))
            for _ in range(count)
        ]
        yield [process.pid for process in processes]


@contextlib.contextmanager
def child(
    command: Sequence[str], log: Path, *, leashed: bool = True
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield *command* as a child; stop it at the end, and with this process."""
    leash = [sys.executable, "-m", "robometrics.embedded.leash", str(os.getpid())]
    environ = {k: v for k, v in os.environ.items() if not k.startswith(ENV_PREFIX)}
    environ[DIRECTORY_ENV] = str(log.parent / "run")  # no running `up` is met
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*(leash if leashed else ()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=_ROOT,
            env=environ,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask *process* to end and wait; kill it if it does not. Safe to repeat."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_ns(process: subprocess.Popen[bytes]) -> int:
    """Return the CPU time of *process*, all threads: its CPU clock."""
    return time.clock_gettime_ns((~process.pid << 3) | 2)


def rss_mib(process: subprocess.Popen[bytes]) -> float:
    statm = Path(f"/proc/{process.pid}/statm").read_text("ascii").split()
    return int(statm[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Poll until *ready*.

    Raises:
        RuntimeError: *process* ended first, or it takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not start")
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
