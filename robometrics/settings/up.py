"""Options of ``robometrics up``."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import msgspec

from robometrics import rules
from robometrics.settings.common import (
    AllowedHostsOption,
    Common,
    HostOption,
    IntervalOption,
    LoginOption,
    about,
    default_data_dir,
)


class UpSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics up``."""

    nats_url: Annotated[
        str, about("broker to use instead of an own one, as nats://host:port")
    ] = ""
    mongo_url: Annotated[
        str, about("database to use instead of an own mongod, as mongodb://host:port")
    ] = ""
    data_dir: Annotated[
        str, about("folder of the databases, the outbox and the logs")
    ] = msgspec.field(default_factory=lambda: str(Path(default_data_dir()) / "up"))
    host: HostOption = msgspec.field(default_factory=socket.gethostname)
    bind: Annotated[str, about("address the page listens on")] = "127.0.0.1"
    port: Annotated[
        int, about("port of the page; if taken, a free one is used", ge=0, le=65_535)
    ] = 8420
    login: LoginOption = "auto"
    allowed_hosts: AllowedHostsOption = ()
    interval_seconds: IntervalOption = 1.0
    browser: Annotated[bool, about("open the page once it is ready")] = True
    discover: Annotated[
        tuple[rules.Rule, ...], about("rules that find processes, as of the worker")
    ] = ()
