"""Runs C++ programs, and plays the workers and brokers that they meet."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
from servers import free_port

from robometrics.lib import client
from robometrics.requests import ListRequest, Watched, encode_request
from robometrics.settings import ClientSettings

RUN_SECONDS = 50
Peer = Callable[[socket.socket], None]


def environment(**changes: str) -> dict[str, str]:
    # What leaks or races must end the program as loudly as what crashes.
    return os.environ | {"TSAN_OPTIONS": "halt_on_error=1"} | changes


def run(driver: Path, *arguments: str, **environ: str) -> str:
    """Return what the program printed; it must end well, and complain of nothing."""
    done = subprocess.run(
        [driver, *arguments],
        env=environment(**environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr), done.stderr
    return done.stdout


async def ran(driver: Path, *arguments: str, **environ: str) -> str:
    """Do the same, while a worker answers in this thread."""
    return await anyio.to_thread.run_sync(lambda: run(driver, *arguments, **environ))


class Talk:
    """A running program that is talked to by lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        line = await anyio.to_thread.run_sync(self.process.stdout.readline)
        return line.rstrip("\n")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextlib.asynccontextmanager
async def talk(
    driver: Path, *arguments: str | bytes, **environ: str
) -> AsyncIterator[Talk]:
    """Start the program; at the end, it has to end well by itself."""
    with subprocess.Popen(
        [driver, *arguments],
        env=environment(**environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Talk(process)
            _, errors = await anyio.to_thread.run_sync(
                lambda: process.communicate(timeout=RUN_SECONDS)
            )
            assert (0, "") == (process.returncode, errors)
        finally:
            process.kill()


async def watched(environ: dict[str, str]) -> list[Watched]:
    settings = ClientSettings(socket_path=environ["ROBOMETRICS_SOCKET_PATH"])
    reply = await anyio.to_thread.run_sync(
        client.ask_by_socket, encode_request(ListRequest()), settings
    )
    assert reply is not None
    return reply.watched


async def names(environ: dict[str, str]) -> list[str]:
    return [each.process for each in await watched(environ)]


def nowhere(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which nobody answers."""
    return {
        "ROBOMETRICS_SOCKET_PATH": str(tmp_path / "nothing.sock"),
        "ROBOMETRICS_NATS_URL": f"nats://127.0.0.1:{free_port()}",
    }


@contextlib.contextmanager
def serving(listener: socket.socket, peer: Peer) -> Iterator[None]:
    """Hand each connection to *peer*, which may hang, lie, or hang up."""
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # shut down: the test is over
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    def attend(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            peer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


@contextlib.contextmanager
def false_worker(folder: Path, peer: Peer) -> Iterator[dict[str, str]]:
    """Listen where a worker would; yield the environment that leads there alone."""
    path = str(folder / "false.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    with serving(listener, peer):
        yield {"ROBOMETRICS_SOCKET_PATH": path, "ROBOMETRICS_NATS_URL": ""}


@contextlib.contextmanager
def false_broker(peer: Peer, credentials: str = "") -> Iterator[dict[str, str]]:
    """Listen where a broker would; yield the environment that leads there alone."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"nats://{credentials}127.0.0.1:{listener.getsockname()[1]}"
    with serving(listener, peer):
        yield {"ROBOMETRICS_SOCKET_PATH": "", "ROBOMETRICS_NATS_URL": url}
