"""The whole pipeline as processes of its own, with proxies and disks between them."""

from __future__ import annotations

import itertools
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeVar

from faults.crowd import crowd
from faults.disk import Disk
from faults.journal import WallOffset
from faults.part import ROOT, Part
from faults.proxy import Proxy
from servers import free_port

from robometrics.embedded import binaries
from robometrics.lib import client
from robometrics.requests import AnyRequest, ListRequest, Reply, encode_request
from robometrics.settings import ClientSettings

HOST = "robot"
INTERVAL_SECONDS = 0.1
DATABASE = "robometrics"
CHECKPOINT_SECONDS = 2  # a minute is the default: a full disk would go unnoticed
LOOPBACK = "127.0.0.1"

S = TypeVar("S", bound="Stack")


class Stack:
    """Broker, database, persist, rollup, api and worker, and what they measure."""

    replicas = 1

    def __init__(self, folder: Path, *, proxied: bool = True) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.offset = WallOffset(folder / "offset")
        self.nats_port, self.mongo_port = free_port(), free_port()
        self.nats_url = f"nats://{LOOPBACK}:{self.nats_port}"
        self.mongo_url = f"mongodb://{LOOPBACK}:{self.mongo_port}"
        self._health_url = f"http://{LOOPBACK}:{free_port()}/healthz"
        self.api_url = f"http://{LOOPBACK}:{free_port()}"
        self.names: dict[int, str] = {}
        """What is measured: process name by pid."""

        self.disks: dict[str, Disk] = {}
        self.proxies: dict[str, Proxy] = {}
        if proxied:
            self.proxies["worker-nats"] = Proxy(self.nats_port)
            self.proxies["consumers-nats"] = Proxy(self.nats_port)
            self.proxies["consumers-mongod"] = Proxy(self.mongo_port)
        self.parts: dict[str, Part] = {}

    def start(self, cleanup: ExitStack) -> None:
        """Start every part; *cleanup* ends them."""
        for proxy in self.proxies.values():
            proxy.start()
            cleanup.callback(proxy.stop)
        self.start_servers(cleanup)
        for part in (self._worker(), *map(self._server, ("persist", "rollup", "api"))):
            self.start_part(part, cleanup)

    def start_servers(self, cleanup: ExitStack) -> None:
        """Start broker and database."""
        self.start_part(self._nats_server(), cleanup)
        self.start_part(self._mongod(), cleanup)

    def supervise(self) -> None:
        """Start again what has ended or is sick, as an orchestrator does.

        A nats-server whose disk was full says so on ``/healthz`` until it is restarted.
        """
        for part in self.parts.values():
            if part.name == "nats-server" and is_stuck(self._health_url):
                part.stop()
            if not part.is_running:
                part.start(wait=False)

    def start_part(self, part: Part, cleanup: ExitStack) -> None:
        self.parts[part.name] = part
        cleanup.callback(part.kill)
        part.start()

    def ask(self, request: AnyRequest) -> Reply | None:
        """Ask the worker by its socket; ``None`` if it does not answer."""
        settings = ClientSettings(socket_path=str(self._socket))
        return client.ask_by_socket(encode_request(request), settings)

    def register(self, pids: Iterator[int], count: int) -> None:
        """Register *count* of *pids* as p000, p001, …"""
        for number, pid in enumerate(itertools.islice(pids, count)):
            name = f"p{number:03d}"
            reply = self.ask(client.register_request(name, pid))
            assert reply is not None
            assert reply.accepted, reply
            self.names[pid] = name

    def registered(self) -> int:
        reply = self.ask(ListRequest())
        return 0 if reply is None else len(reply.watched)

    @property
    def _socket(self) -> Path:
        return self.folder / "worker.sock"

    def _nats_server(self) -> Part:
        command = [str(binaries.nats_server()), "--config"]
        command += [str(ROOT / "infra/nats/single.conf")]
        return Part(
            "nats-server",
            command,
            self.folder,
            is_ready=lambda: listens(self.nats_port),
            environ={
                "NATS_LISTEN": f"{LOOPBACK}:{self.nats_port}",
                "NATS_MONITOR_LISTEN": self._health_url.split("/")[2],
                "NATS_LEAF_LISTEN": f"{LOOPBACK}:-1",
                "NATS_STORE_DIR": str(self.folder / "nats"),
            },
        )

    def _mongod(self) -> Part:
        store = self.folder / "mongo"
        store.mkdir(exist_ok=True)
        command = [str(binaries.mongod()), f"--bind_ip={LOOPBACK}", "--quiet"]
        command += [f"--port={self.mongo_port}", f"--dbpath={store}", "--nounixsocket"]
        command += ["--wiredTigerCacheSizeGB=0.5"]
        command += [f"--syncdelay={CHECKPOINT_SECONDS}"]
        caches = ("mongo/mongod.lock", "mongo/WiredTiger.lock", "mongo/diagnostic.data")
        return Part(
            "mongod",
            command,
            self.folder,
            is_ready=lambda: listens(self.mongo_port),
            caches=caches,
        )

    def _worker(self) -> Part:
        command = [sys.executable, "-m", "faults.fed_worker", str(self.journal)]
        command += [str(self.folder / "offset"), "worker", f"--host={HOST}"]
        command += [f"--interval-seconds={INTERVAL_SECONDS}"]
        command += [f"--nats-url={self._nats_url_of('worker-nats')}"]
        command += [f"--data-dir={self.folder / 'outbox'}"]
        command += [f"--socket-path={self._socket}"]
        caches = ("worker.sock", "outbox/*-shm", "outbox/*.lock", "run")
        return Part(
            "worker",
            command,
            self.folder,
            is_ready=lambda: self.ask(ListRequest()) is not None,
            caches=caches,
        )

    def _server(self, role: str) -> Part:
        command = [sys.executable, "-m", "robometrics", "server", f"--roles={role}"]
        command += [f"--nats-url={self._nats_url_of('consumers-nats')}"]
        command += [f"--mongo-url={self._consumers_mongo_url()}"]
        command += [f"--mongo-database={DATABASE}", f"--replicas={self.replicas}"]
        command += [f"--port={self.api_url.rpartition(':')[2]}"]
        return Part(
            role,
            command,
            self.folder,
            is_ready=self.serves if role == "api" else lambda: True,
            caches=("run",),
        )

    def serves(self) -> bool:
        """Tell whether the API says that it is ready."""
        try:
            url = f"{self.api_url}/api/v1/health/ready"
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def _nats_url_of(self, link: str) -> str:
        if link not in self.proxies:
            return self.nats_url
        return f"nats://{LOOPBACK}:{self.proxies[link].port}"

    def _consumers_mongo_url(self) -> str:
        if "consumers-mongod" not in self.proxies:
            return self.mongo_url
        return f"mongodb://{LOOPBACK}:{self.proxies['consumers-mongod'].port}"


@contextmanager
def running_stack(
    stack: S, processes: int, *, small_disks: bool = False
) -> Iterator[S]:
    """Yield *stack* at work; whatever happens, all of it is ended."""
    with ExitStack() as cleanup:
        cleanup.callback(stack.offset.close)
        if small_disks:
            for name in ("outbox", "nats", "mongo"):
                stack.disks[name] = Disk(stack.folder / name)
                cleanup.callback(stack.disks[name].close)
        pids = cleanup.enter_context(crowd(processes))
        stack.start(cleanup)
        stack.register(iter(pids), processes)
        yield stack


def is_stuck(health_url: str) -> bool:
    """Tell whether a broker says that a write failed."""
    try:
        urllib.request.urlopen(health_url, timeout=2).close()  # noqa: S310  our own
    except urllib.error.HTTPError as exc:
        with exc:
            return b"write error" in exc.read()
    except OSError:
        pass
    return False


def answers(url: str) -> bool:
    """Tell whether a request of *url* is answered with success."""
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  our own server
    except urllib.error.HTTPError as exc:
        exc.close()
        return False
    except OSError:
        return False
    return True


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
