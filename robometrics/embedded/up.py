"""The whole product on this host: servers, API, consumers and worker as children."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import anyio
import msgspec

from robometrics import runtime
from robometrics.broker import open_link
from robometrics.embedded import binaries
from robometrics.embedded.children import Child
from robometrics.embedded.nats_config import write_nats_config
from robometrics.embedded.stuck import mend_when_stuck
from robometrics.errors import RetryLaterError, SettingsError
from robometrics.exposure import refuse_exposed
from robometrics.settings import UpSettings, to_flags
from robometrics.store import open_store

NATS_PORT = 4222
MONGO_PORT = 27017
START_SECONDS = 60.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_MONGO_CACHE_GB = 0.5
_FOR_A_BROKER = (
    *("nats_credentials_file", "nats_ca_file"),
    *("nats_cert_file", "nats_key_file"),
)
_OF_BOTH = ("log_level", *_FOR_A_BROKER)
"""Options of server and worker alike."""

Check = Callable[[], Awaitable[bool]]


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  what the user of the command watches


async def up(settings: UpSettings, stop: anyio.Event) -> None:
    """Run everything until *stop*, then stop it from the source end.

    Raises:
        MissingBinaryError: A server is not installed.
        SettingsError: Another ``up`` runs here, or a part does not start.
    """
    # While the servers start, refused connections are no news.
    logging.getLogger("robometrics.broker").setLevel(logging.ERROR)
    logging.getLogger("robometrics.service").setLevel(logging.WARNING)
    refuse_exposed(settings.bind, settings.login)
    folder = Path(settings.data_dir).expanduser().absolute()
    with _only_one_on(folder):
        plan = _Plan(settings, folder)
        try:
            async with anyio.create_task_group() as tg:
                for child in plan.children:
                    tg.start_soon(child.keep_running)
                for guard in plan.guards:
                    tg.start_soon(guard)
                if await plan.wait_ready(stop):
                    runtime.announce(plan.running())
                    say(f"ready: {plan.api_url}")
                    if settings.browser and _has_screen():
                        webbrowser.open(plan.api_url)
                    await stop.wait()
                say("stopping")
                # The worker first, so that its last samples still find a broker.
                for child in reversed(plan.children):
                    await child.stop(STOP_SECONDS)
                say(f"stopped; the data are in {folder}")
        finally:
            (runtime.directory() / "up.json").unlink(missing_ok=True)
            for child in plan.children:
                child.kill()


class _Plan:
    """What is started, in this order, and how each tells that it answers."""

    def __init__(self, settings: UpSettings, folder: Path) -> None:
        if not settings.nats_url:  # the own broker lets in who is on this machine
            nothing = dict.fromkeys(_FOR_A_BROKER, "")
            settings = msgspec.structs.replace(settings, **nothing)
        self._settings = settings
        self._began_slot = int(time.time())
        logs = folder / "logs"
        try:
            logs.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise SettingsError(
                f"cannot write to {folder}: {exc}; use --data-dir"
            ) from exc
        self.children: list[Child] = []
        self.guards: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._checks: list[tuple[str, Check]] = []
        python = [sys.executable, "-m", "robometrics"]

        self.nats_url = settings.nats_url
        if not self.nats_url:
            port = _port(NATS_PORT)
            self.nats_url = f"nats://127.0.0.1:{port}"
            _say_moved("broker", self.nats_url, NATS_PORT, port)
            monitor_port = _port(0)
            config = write_nats_config(folder, port, monitor_port)
            command = [str(binaries.nats_server()), "--config", str(config)]
            broker = Child("nats-server", command, logs, say)
            self.children.append(broker)
            health_url = f"http://127.0.0.1:{monitor_port}/healthz"
            self.guards.append(
                partial(mend_when_stuck, broker, health_url, folder / "nats")
            )
        self._checks.append(("nats-server", self._broker_answers))

        self.mongo_url = settings.mongo_url
        if not self.mongo_url:
            port = _port(MONGO_PORT)
            self.mongo_url = f"mongodb://127.0.0.1:{port}"
            _say_moved("database", self.mongo_url, MONGO_PORT, port)
            command = _mongod_command(folder, port)
            self.children.append(Child("mongod", command, logs, say))
        self._checks.append(("mongod", self._database_answers))

        self._port = _port(settings.port, settings.bind)
        shown = "127.0.0.1" if settings.bind in ("0.0.0.0", "::") else settings.bind  # noqa: S104
        self.api_url = f"http://{shown}:{self._port}"
        urls = {
            "ROBOMETRICS_NATS_URL": self.nats_url,
            "ROBOMETRICS_MONGO_URL": self.mongo_url,
        }
        server = [*python, "server", "--roles=api,persist,rollup,housekeeping"]
        server += [
            f"--port={self._port}",
            *to_flags(settings, ["bind", "login", *_OF_BOTH]),
        ]
        if settings.allowed_hosts:
            server += to_flags(settings, ["allowed_hosts"])
        self.children.append(Child("server", server, logs, say, urls))
        self._checks.append(("server", self._server_is_ready))

        self._worker_dir = folder / "worker"
        worker = [*python, "worker", f"--data-dir={self._worker_dir}"]
        worker += to_flags(
            settings, ["host", "socket_path", "interval_seconds", "discover", *_OF_BOTH]
        )
        self.children.append(Child("worker", worker, logs, say, urls))
        self._checks.append(("worker", self._host_is_seen))

    def running(self) -> runtime.Running:
        pid = os.getpid()
        return runtime.Running(
            pid=pid,
            start_ticks=runtime.start_ticks(pid) or 0,
            nats_url=self.nats_url,
            mongo_url=self.mongo_url,
            api_url=self.api_url,
            socket_path=self._settings.socket_path,
            host=self._settings.host,
            worker_dir=str(self._worker_dir),
        )

    async def wait_ready(self, stop: anyio.Event) -> bool:
        """Wait until everything answers; return whether it does (``False``: *stop*).

        Raises:
            SettingsError: A part does not; it shows what that part said last.
        """
        for name, check in self._checks:
            deadline = anyio.current_time() + START_SECONDS
            while not await check():
                if stop.is_set():
                    return False
                if anyio.current_time() > deadline or self._gave_up(name):
                    raise SettingsError(self._obituary(name))
                await anyio.sleep(_POLL_SECONDS)
        return True

    def _gave_up(self, name: str) -> bool:
        return any(c.name == name and c.restarts >= 5 for c in self.children)  # noqa: PLR2004

    def _obituary(self, name: str) -> str:
        tail = "".join(c.log_tail() for c in self.children if c.name == name)
        hint = ""
        if "libcurl" in tail:
            hint = "\ninstall the system's libcurl (Debian and Ubuntu: libcurl4)"
        return f"{name} does not start; it said last:\n{tail}{hint}"

    async def _broker_answers(self) -> bool:
        broker = msgspec.structs.replace(self._settings.broker, url=self.nats_url)
        async with open_link(broker, "up") as link:
            with anyio.move_on_after(1):
                await link.wait_up()
            return link.is_up

    async def _database_answers(self) -> bool:
        async with open_store(self.mongo_url, "robometrics") as store:
            try:
                await store.ping()
            except RetryLaterError:
                return False
            return True

    async def _server_is_ready(self) -> bool:
        def ask() -> None:
            url = f"{self.api_url}/api/v1/health/ready"
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  our own

        try:
            await asyncio.to_thread(ask)
        except OSError:
            return False
        return True

    async def _host_is_seen(self) -> bool:
        """Ask the database: the server may want to know who asks."""
        async with open_store(self.mongo_url, "robometrics") as store:
            try:
                span = await store.fleet.span_of(self._settings.host)
            except RetryLaterError:
                return False
        return span is not None and span[1] >= self._began_slot


def _port(wanted: int, bind: str = "127.0.0.1") -> int:
    """Return *wanted* if it is free, else a port that is."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    for port in (wanted, 0):
        with contextlib.closing(socket.socket(family)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((bind, port))
            except OSError as exc:
                if port == 0:
                    raise SettingsError(f"cannot listen on {bind}: {exc}") from exc
            else:
                return int(probe.getsockname()[1])
    raise AssertionError  # the loop returns or raises


def _say_moved(what: str, url: str, wanted: int, port: int) -> None:
    """Tell who would look at the usual port that another server is there."""
    if port != wanted:
        say(f"{what}: {url} ({wanted} is taken)")


def _mongod_command(folder: Path, port: int) -> list[str]:
    database = folder / "mongo"
    database.mkdir(exist_ok=True)
    return [
        str(binaries.mongod()),
        "--bind_ip=127.0.0.1",
        f"--port={port}",
        f"--dbpath={database}",
        "--nounixsocket",
        f"--wiredTigerCacheSizeGB={_MONGO_CACHE_GB}",
        "--quiet",
    ]


@contextlib.contextmanager
def _only_one_on(folder: Path) -> Iterator[None]:
    """Hold the locks of this user's ``up``, and of the data in *folder*.

    Raises:
        SettingsError: Another one holds one of them.
    """
    found = runtime.find()
    where = f" at {found.api_url}" if found else ""
    running = (
        f"robometrics up runs already{where}; a second one needs both another "
        f"{runtime.DIRECTORY_ENV} and another --data-dir"
    )
    in_use = f"another robometrics up uses {folder}; choose another --data-dir"
    with contextlib.ExitStack() as held:
        try:
            locks = [(runtime.make_directory() / "up.lock", running)]
            folder.mkdir(parents=True, exist_ok=True)
            locks.append((folder / "up.lock", in_use))
            for path, problem in locks:
                _lock(held.enter_context(path.open("a")), problem)
        except OSError as exc:
            raise SettingsError(
                f"{exc}; choose another --data-dir, or {runtime.DIRECTORY_ENV}"
            ) from exc
        yield


def _lock(file: IO[str], problem: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise SettingsError(problem) from exc


def _has_screen() -> bool:
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
