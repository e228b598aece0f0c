"""Options of every program, and those that several programs have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from robometrics import runtime
from robometrics.address import BrokerAddress

LogLevel = Literal["debug", "info", "warning", "error"]
Login = Literal["auto", "required", "off"]
DEFAULT_NATS_URL = "nats://127.0.0.1:4222"


def about(text: str, **bounds: Any) -> msgspec.Meta:
    """Say what an option is, and the bounds of its value."""
    return msgspec.Meta(description=text, **bounds)


HostOption = Annotated[
    str, about("name of this host in the fleet", min_length=1, max_length=100)
]
IntervalOption = Annotated[
    float, about("distance of two samples of a process", ge=0.001, le=60)
]
LoginOption = Annotated[
    Login,
    about(
        "who must log in: auto (nobody, and only this host is let in), required, "
        "or off (nobody, wherever it listens)"
    ),
]
AllowedHostsOption = Annotated[
    tuple[str, ...],
    about("names by which others call the API, as metrics.example.org"),
]


def default_data_dir() -> str:
    if os.geteuid() == 0:
        return "/var/lib/robometrics"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return str(Path(base) / "robometrics")


class Common(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of every program."""

    nats_url: Annotated[str, about("broker, as nats://host:port")] = DEFAULT_NATS_URL
    nats_credentials_file: Annotated[
        str, about("file with this program's identity, of robometrics enroll")
    ] = ""
    nats_ca_file: Annotated[
        str, about("certificates that the broker's must be signed by; turns TLS on")
    ] = ""
    nats_cert_file: Annotated[
        str, about("certificate to show to the broker, for mutual TLS")
    ] = ""
    nats_key_file: Annotated[str, about("private key of that certificate")] = ""
    socket_path: Annotated[
        str, about("Unix socket on which the worker takes registrations")
    ] = msgspec.field(default_factory=lambda: str(runtime.directory() / "worker.sock"))
    log_level: Annotated[LogLevel, about("least severity that is logged")] = "info"

    @property
    def broker(self) -> BrokerAddress:
        return BrokerAddress(
            url=self.nats_url,
            credentials_file=self.nats_credentials_file,
            ca_file=self.nats_ca_file,
            cert_file=self.nats_cert_file,
            key_file=self.nats_key_file,
        )
