"""A site as an administrator makes it, with a broker that goes by it."""

from __future__ import annotations

from pathlib import Path

import anyio
from servers import NatsServer, free_port

from robometrics.address import BrokerAddress
from robometrics.broker import open_link, provision
from robometrics.enrolment.office import Office
from robometrics.enrolment.permissions import Role
from robometrics.enrolment.site import Kind

KINDS: tuple[Kind, ...] = ("users", "operator")
HOSTS = ("robot-a", "robot 7.é")
CONSUMERS = "consumers"


class EnrolledSite:
    """Two hosts with worker and programs, a server, and a broker."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.office = Office(folder / "site")
        self.office.open(kind)
        self.office.enroll("consumer", CONSUMERS)
        for host in HOSTS:
            self.office.enroll("worker", host)
            self.office.enroll("program", host)
        self.server = NatsServer(folder / "nats")
        self.leaf_port = free_port()
        self.pid_file = folder / "nats.pid"
        self.server.config = folder / "nats.conf"
        self.server.config.write_text(
            f'pid_file: "{self.pid_file}"\n'
            f'leafnodes {{ listen: "127.0.0.1:{self.leaf_port}" }}\n'
            'include "site/nats-access.conf"\n'
        )

    def address(self, role: Role, name: str) -> BrokerAddress:
        site, _ = self.office.open(None)
        file = self.office.credentials_file(site, role, name)
        return BrokerAddress(url=self.server.url, credentials_file=str(file))

    async def provision(self) -> None:
        async with open_link(self.address("server", "server"), "provision") as link:
            with anyio.fail_after(10):
                await link.wait_up()
            await provision(link, max_bytes=64 << 20, replicas=1)
