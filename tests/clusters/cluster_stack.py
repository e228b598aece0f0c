"""The pipeline on three brokers and a replica set of three, all on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nats
import pymongo
from faults.part import ROOT, Part
from faults.stack import LOOPBACK, Stack, listens
from nats.errors import Error as NatsError
from pymongo.errors import PyMongoError
from servers import free_port
from waiting import poll_until

from robometrics.broker.provisioning import STREAM
from robometrics.embedded import binaries

MEMBERS = (1, 2, 3)
REPLICA_SET = "rs0"
ELECTION_SECONDS = 60.0
QUICK = {"electionTimeoutMillis": 2_000}  # the test waits for it; the default is 10 s


class ClusterStack(Stack):
    """``Stack`` with three of each server, and no proxies in between."""

    replicas = 3

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, proxied=False)
        self._nats_ports = {number: free_port() for number in MEMBERS}
        self._route_ports = {number: free_port() for number in MEMBERS}
        self._mongo_ports = {number: free_port() for number in MEMBERS}
        brokers = (f"nats://{LOOPBACK}:{port}" for port in self._nats_ports.values())
        self.nats_url = ",".join(brokers)
        members = (f"{LOOPBACK}:{port}" for port in self._mongo_ports.values())
        self.mongo_url = f"mongodb://{','.join(members)}/?replicaSet={REPLICA_SET}"

    def start_servers(self, cleanup: ExitStack) -> None:
        for number in MEMBERS:
            self.start_part(self._broker(number), cleanup)
            self.start_part(self._member(number), cleanup)
        self._initiate()

    def supervise(self) -> None:
        """Leave the dead away: the test starts them when it has seen enough."""

    def stream_leader(self) -> str:
        """Return the part that leads the stream, empty while nobody does."""
        return asyncio.run(_stream_leader(self.nats_url.split(",")))

    def primary(self) -> str:
        """Return the part that is the replica set's primary, empty if none is."""
        client: pymongo.MongoClient[Any] = pymongo.MongoClient(
            self.mongo_url, serverSelectionTimeoutMS=1_000
        )
        with client:
            try:
                client.admin.command("ping")
                found = client.primary
            except PyMongoError:
                return ""
        ports = {port: number for number, port in self._mongo_ports.items()}
        return f"mongod-{ports[found[1]]}" if found else ""

    def _broker(self, number: int) -> Part:
        name = f"nats-{number}"
        routes = [f"nats://{LOOPBACK}:{port}" for port in self._route_ports.values()]
        port = self._nats_ports[number]
        return Part(
            name,
            [
                str(binaries.nats_server()),
                "--config",
                str(ROOT / "infra/nats/cluster.conf"),
            ],
            self.folder,
            is_ready=lambda: listens(port),
            environ={
                "NATS_SERVER_NAME": name,
                "NATS_LISTEN": f"{LOOPBACK}:{port}",
                "NATS_MONITOR_LISTEN": f"{LOOPBACK}:-1",
                "NATS_LEAF_LISTEN": f"{LOOPBACK}:-1",
                "NATS_CLUSTER_LISTEN": f"{LOOPBACK}:{self._route_ports[number]}",
                "NATS_CLUSTER_ROUTES": json.dumps(routes),
                "NATS_STORE_DIR": str(self.folder / name),
            },
        )

    def _member(self, number: int) -> Part:
        name = f"mongod-{number}"
        port = self._mongo_ports[number]
        (self.folder / name).mkdir()
        command = [str(binaries.mongod()), f"--bind_ip={LOOPBACK}", f"--port={port}"]
        command += [f"--dbpath={self.folder / name}", f"--replSet={REPLICA_SET}"]
        command += ["--nounixsocket", "--quiet", "--wiredTigerCacheSizeGB=0.25"]
        return Part(name, command, self.folder, is_ready=lambda: listens(port))

    def _initiate(self) -> None:
        members = [
            {"_id": number, "host": f"{LOOPBACK}:{port}"}
            for number, port in self._mongo_ports.items()
        ]
        first = self._mongo_ports[MEMBERS[0]]
        client: pymongo.MongoClient[Any] = pymongo.MongoClient(
            LOOPBACK, first, directConnection=True
        )
        with client:
            config = {"_id": REPLICA_SET, "members": members, "settings": QUICK}
            client.admin.command("replSetInitiate", config)
        poll_until(self.primary, ELECTION_SECONDS)


async def _stream_leader(urls: list[str]) -> str:
    client = await nats.connect(urls, error_cb=_ignore)
    try:
        info = await client.jetstream().stream_info(STREAM)
    except (NatsError, TimeoutError):
        return ""
    finally:
        await client.close()
    return (info.cluster.leader or "") if info.cluster else ""


async def _ignore(_: Exception) -> None:
    """A broker that is away is the point of the test."""
