"""Every option: a flag, an environment variable and a key of the config file.

``--nats-url``, ``ROBOMETRICS_NATS_URL`` and ``nats_url = "…"`` are one option. Flags
win over the environment, that over the config file, that over a running
``robometrics up``, that over the default. A name nobody knows is refused.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from robometrics import keeping, rules, runtime
from robometrics.address import BrokerAddress, has_password
from robometrics.errors import SettingsError
from robometrics.sources import (
    CONFIG_ENV,
    ENV_PREFIX,
    from_environ,
    from_file,
    from_running,
)

LogLevel = Literal["debug", "info", "warning", "error"]
Durability = Literal["process", "power"]
Role = Literal["api", "persist", "rollup", "export", "housekeeping"]
Login = Literal["auto", "required", "off"]


def _about(text: str, **bounds: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **bounds)


def _default_data_dir() -> str:
    if os.geteuid() == 0:
        return "/var/lib/robometrics"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return str(Path(base) / "robometrics")


def _default_site_dir() -> str:
    if os.geteuid() == 0:
        return "/etc/robometrics/site"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return str(Path(base) / "robometrics/site")


class Common(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of every program."""

    nats_url: Annotated[str, _about("broker, as nats://host:port")] = (
        "nats://127.0.0.1:4222"
    )
    nats_credentials_file: Annotated[
        str, _about("file with this program's identity, of robometrics enroll")
    ] = ""
    nats_ca_file: Annotated[
        str, _about("certificates that the broker's must be signed by; turns TLS on")
    ] = ""
    nats_cert_file: Annotated[
        str, _about("certificate to show to the broker, for mutual TLS")
    ] = ""
    nats_key_file: Annotated[str, _about("private key of that certificate")] = ""
    socket_path: Annotated[
        str, _about("Unix socket on which the worker takes registrations")
    ] = msgspec.field(default_factory=lambda: str(runtime.directory() / "worker.sock"))
    log_level: Annotated[LogLevel, _about("least severity that is logged")] = "info"

    @property
    def broker(self) -> BrokerAddress:
        return BrokerAddress(
            url=self.nats_url,
            credentials_file=self.nats_credentials_file,
            ca_file=self.nats_ca_file,
            cert_file=self.nats_cert_file,
            key_file=self.nats_key_file,
        )


class ClientSettings(Common, frozen=True, kw_only=True):
    """Options of a measured program, and of the commands about one."""

    register_host: Annotated[
        str, _about("host whose worker is asked by the broker (default: this one's)")
    ] = ""
    register_token_file: Annotated[
        str, _about("file with the worker's token, to register over the network")
    ] = ""


class ReaderSettings(Common, frozen=True, kw_only=True):
    """Options of what reads stored samples."""

    api_url: Annotated[str, _about("server, as http://host:port")] = (
        "http://127.0.0.1:8420"
    )
    token_file: Annotated[
        str,
        _about(
            "file with the token for a server that wants one, of mode 0600; or set "
            "ROBOMETRICS_TOKEN"
        ),
    ] = ""


class SiteSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics enroll`` and ``revoke``."""

    site_dir: Annotated[str, _about("folder that knows who is enrolled; secret")] = (
        msgspec.field(default_factory=_default_site_dir)
    )
    nats_pid_file: Annotated[
        str, _about("file with nats-server's pid; it is told to reload after a change")
    ] = ""


class WorkerSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics-worker``."""

    host: Annotated[
        str, _about("name of this host in the fleet", min_length=1, max_length=100)
    ] = msgspec.field(default_factory=socket.gethostname)
    interval_seconds: Annotated[
        float, _about("distance of two samples of a process", ge=0.001, le=60)
    ] = 1.0
    data_dir: Annotated[str, _about("folder of the outbox")] = msgspec.field(
        default_factory=_default_data_dir
    )
    outbox_max_bytes: Annotated[
        int, _about("size at which the outbox gives up its oldest batches", ge=1 << 20)
    ] = 1 << 30
    outbox_max_age_seconds: Annotated[
        int, _about("age at which the outbox gives up a batch", ge=60)
    ] = 30 * 86_400
    durability: Annotated[
        Durability,
        _about(
            "what a written batch survives: the death of the worker, or a power cut too"
        ),
    ] = "process"
    backlog_share: Annotated[
        float,
        _about("share of the link for what an outage left behind", ge=0.01, le=1),
    ] = 0.8
    max_processes: Annotated[
        int, _about("registrations held at most", ge=1, le=100_000)
    ] = 5_000
    containers_dir: Annotated[
        str, _about("folder in which Kubernetes links the logs of its containers")
    ] = "/var/log/containers"
    pod_labels: Annotated[
        tuple[str, ...],
        _about("labels of pods that become tags, as patterns such as app* (in a pod)"),
    ] = ()
    discover: Annotated[
        tuple[rules.Rule, ...],
        _about(
            "rules that find processes, as a TOML table or an array of such: "
            'exe = "planner", name = "nav"; see robometrics discover'
        ),
    ] = ()
    register_token_file: Annotated[
        str, _about("file with a token that registrations over the network must have")
    ] = ""
    max_in_flight: Annotated[
        int, _about("messages published and not yet acknowledged", ge=1, le=4_096)
    ] = 256


class ServerSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics-server``."""

    mongo_url: Annotated[str, _about("database, as mongodb://host:port")] = (
        "mongodb://127.0.0.1:27017"
    )
    mongo_database: Annotated[
        str, _about("name of the database", pattern=r"^[A-Za-z0-9_-]{1,38}\Z")
    ] = "robometrics"
    roles: Annotated[
        tuple[Role, ...],
        _about(
            "parts to run, separated by commas: api, persist, rollup, export, "
            "housekeeping",
            min_length=1,
        ),
    ] = ("api", "persist", "rollup", "housekeeping")
    bind: Annotated[str, _about("address the API listens on")] = "127.0.0.1"
    port: Annotated[int, _about("port the API listens on", ge=0, le=65_535)] = 8420
    login: Annotated[
        Login,
        _about(
            "who must log in: auto (nobody, and only this host is let in), required, "
            "or off (nobody, wherever it listens)"
        ),
    ] = "auto"
    allowed_hosts: Annotated[
        tuple[str, ...],
        _about("names by which others call the API, as metrics.example.org"),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        _about("proxies whose X-Forwarded-For and -Proto are believed, as 10.0.0.0/8"),
    ] = ()
    public_url: Annotated[
        str, _about("where browsers find the page, as https://metrics.example.org")
    ] = ""
    oidc_issuer: Annotated[
        str, _about("OpenID Connect provider for logins, as https://id.example.org")
    ] = ""
    oidc_client_id: Annotated[
        str, _about("by which that provider knows this server")
    ] = ""
    oidc_client_secret_file: Annotated[
        str, _about("file with the secret for it, of mode 0600; none: PKCE alone")
    ] = ""
    oidc_grants: Annotated[
        tuple[str, ...],
        _about(
            "who may do what, as admin:groups=ops or read:email=*@example.org; "
            "others are not let in"
        ),
    ] = ()
    stream_max_bytes: Annotated[
        int, _about("size of the JetStream stream", ge=1 << 20)
    ] = 2 << 30
    replicas: Annotated[
        int, _about("copies of the stream, on as many servers", ge=1, le=5)
    ] = 1
    fetch_batches: Annotated[
        int, _about("messages a consumer takes at once", ge=1, le=5_000)
    ] = 1_000
    health_address: Annotated[
        str,
        _about(
            "where a server without role api tells how it is, as 0.0.0.0:8421",
            pattern=r"^(\S+:\d{1,5})?\Z",
        ),
    ] = ""
    compact_after_seconds: Annotated[
        int, _about("age at which an hour that is over becomes one block", ge=0)
    ] = 900
    keep_raw_days: Annotated[
        float, _about("how long samples are kept as they came; 0: for ever", ge=0)
    ] = 30.0
    keep_10s_days: Annotated[
        float, _about("how long windows of 10 s are kept; 0: for ever", ge=0)
    ] = 90.0
    keep_1m_days: Annotated[
        float, _about("how long windows of 1 min are kept; 0: for ever", ge=0)
    ] = 400.0
    keep_1h_days: Annotated[
        float, _about("how long windows of 1 h are kept; 0: for ever", ge=0)
    ] = 3_650.0
    retain: Annotated[
        tuple[keeping.Retain, ...],
        _about(
            "rules that keep some for another time, as a TOML table or an array of "
            'such: tags = {robot = "arm-*"}, keep_raw_days = 365'
        ),
    ] = ()

    @property
    def policy(self) -> keeping.Policy:
        days = {
            resolution: getattr(self, f"keep_{resolution}_days")
            for resolution in keeping.RESOLUTIONS
        }
        return keeping.Policy(days, self.retain)

    export_otlp_url: Annotated[
        str, _about("where role export sends OTLP, as http://host:4318/v1/metrics")
    ] = ""
    export_otlp_headers_file: Annotated[
        str, _about("file with headers for it, one 'Name: value' a line")
    ] = ""
    export_remote_write_url: Annotated[
        str, _about("where role export writes to, as http://host:9090/api/v1/write")
    ] = ""
    export_remote_write_headers_file: Annotated[
        str, _about("file with headers for it, one 'Name: value' a line")
    ] = ""
    export_step_seconds: Annotated[
        int, _about("one point of a series in each step; 0: each sample", ge=0, le=3600)
    ] = 10
    export_max_age_seconds: Annotated[
        int, _about("how long a message waits for a target that is away", ge=60)
    ] = 600
    export_include: Annotated[
        tuple[str, ...], _about("metrics to export, as patterns such as cpu_*")
    ] = ("*",)
    export_exclude: Annotated[
        tuple[str, ...], _about("metrics of these not to export, as patterns")
    ] = ()
    export_labels: Annotated[
        tuple[str, ...], _about("labels for all that is exported, as site=berlin")
    ] = ()

    @property
    def exports(self) -> dict[str, tuple[str, str]]:
        """Return what is exported to: durable → (URL, file of headers)."""
        targets = {
            "export_otlp": (self.export_otlp_url, self.export_otlp_headers_file),
            "export_remote_write": (
                self.export_remote_write_url,
                self.export_remote_write_headers_file,
            ),
        }
        if "export" not in self.roles:
            return {}
        return {name: target for name, target in targets.items() if target[0]}


class UpSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics up``."""

    nats_url: Annotated[
        str, _about("broker to use instead of an own one, as nats://host:port")
    ] = ""
    mongo_url: Annotated[
        str, _about("database to use instead of an own mongod, as mongodb://host:port")
    ] = ""
    data_dir: Annotated[
        str, _about("folder of the databases, the outbox and the logs")
    ] = msgspec.field(default_factory=lambda: str(Path(_default_data_dir()) / "up"))
    host: Annotated[
        str, _about("name of this host in the fleet", min_length=1, max_length=100)
    ] = msgspec.field(default_factory=socket.gethostname)
    bind: Annotated[str, _about("address the page listens on")] = "127.0.0.1"
    port: Annotated[
        int, _about("port of the page; if taken, a free one is used", ge=0, le=65_535)
    ] = 8420
    login: Annotated[
        Login,
        _about(
            "who must log in: auto (nobody, and only this host is let in), required, "
            "or off (nobody, wherever it listens)"
        ),
    ] = "auto"
    allowed_hosts: Annotated[
        tuple[str, ...],
        _about("names by which others call the API, as metrics.example.org"),
    ] = ()
    interval_seconds: Annotated[
        float, _about("distance of two samples of a process", ge=0.001, le=60)
    ] = 1.0
    browser: Annotated[bool, _about("open the page once it is ready")] = True
    discover: Annotated[
        tuple[rules.Rule, ...], _about("rules that find processes, as of the worker")
    ] = ()


ALL_SETTINGS: tuple[type[Common], ...] = (
    ClientSettings,
    ReaderSettings,
    SiteSettings,
    WorkerSettings,
    ServerSettings,
    UpSettings,
)
_TABLES = {"discover", "retain"}
"""Options whose values are tables."""

_KNOWN = {name for cls in ALL_SETTINGS for name in cls.__struct_fields__}
S = TypeVar("S", bound=Common)


def add_flags(parser: argparse.ArgumentParser, *classes: type[Common]) -> None:
    """Give *parser* one flag for each option of *classes*."""
    parser.add_argument("--config", metavar="PATH", help="TOML file with options")
    fields = {f.name: f for cls in classes for f in msgspec.structs.fields(cls)}
    for info in fields.values():
        kind = info.type
        about = ""
        if hasattr(kind, "__metadata__"):
            about = kind.__metadata__[0].description
            kind = kind.__origin__
        default = info.default
        if default is msgspec.NODEFAULT:
            default = info.default_factory()
        if isinstance(default, tuple):
            default = ",".join(default)
        flag = "--" + info.name.replace("_", "-")
        if kind is bool:
            parser.add_argument(
                flag,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=about,
            )
        else:
            parser.add_argument(
                flag,
                default=argparse.SUPPRESS,
                metavar=_metavar(kind),
                help=(f"{about} (default: {default})" if default else about).replace(
                    "%", "%%"
                ),
            )


def _metavar(kind: Any) -> str:
    if choices := _choices(kind):
        return "{" + ",".join(choices) + "}"
    return kind.__name__.upper() if isinstance(kind, type) else "VALUE"


def load(
    cls: type[S],
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    join_running: bool = True,
) -> S:
    """Return the options of *cls* from all sources.

    Args:
        cls: One of ``ALL_SETTINGS``.
        flags: Parsed command line; keys *cls* does not know are left alone.
        environ: The environment; ``os.environ`` if not given.
        join_running: Whether to use the servers of a running ``robometrics up``.

    Raises:
        SettingsError: A name is unknown or a value is wrong; it says which and where.
    """
    flags = flags or {}
    environ = os.environ if environ is None else environ
    config = flags.get("config") or environ.get(CONFIG_ENV)

    merged: dict[str, Any] = {}
    sources = (
        ("the running robometrics up", from_running(environ) if join_running else {}),
        (f"config file {config}", from_file(config, _KNOWN) if config else {}),
        ("environment", from_environ(environ, _KNOWN)),
        ("command line", {k: v for k, v in flags.items() if k in _KNOWN}),
    )
    for source, values in sources:
        for name, value in values.items():
            if name in cls.__struct_fields__:
                merged[name] = _converted(cls, name, value, source)
    return msgspec.convert(merged, cls)


def _converted(cls: type[Common], name: str, value: Any, source: str) -> Any:
    info = next(f for f in msgspec.structs.fields(cls) if f.name == name)
    if name.endswith("_url") and source == "command line" and has_password(str(value)):
        raise SettingsError(
            f"{name}: every user of this machine sees a password on a command line; "
            f"give it by {ENV_PREFIX}{name.upper()}, or in the file of --config"
        )
    if name in _TABLES and isinstance(value, str):
        try:
            value = rules.from_toml(value)
        except ValueError as exc:
            problem = f"{name} = {value!r} from the {source}: {exc}"
            raise SettingsError(problem) from exc
    elif info.type.__class__ is not str and "tuple" in str(info.type):
        value = value.split(",") if isinstance(value, str) else value
    try:
        return msgspec.convert(value, info.type, strict=False)
    except msgspec.ValidationError as exc:
        allowed = ", ".join(_choices(info.type))
        hint = f"; choose from {allowed}" if allowed else ""
        problem = f"{name} = {value!r} from the {source}: {exc}{hint}"
        raise SettingsError(problem) from exc


def _choices(kind: Any) -> list[str]:
    """Return the values that an option of *kind* can have, if they are counted."""
    if get_origin(kind) is Literal:
        return [str(each) for each in get_args(kind)]
    return [each for part in get_args(kind) for each in _choices(part)]


def to_flags(settings: Common, names: Sequence[str]) -> list[str]:
    """Return a command line that gives another program these options."""
    flags = []
    for name in names:
        value = getattr(settings, name)
        if name in _TABLES:
            value = [rules.to_toml(value)]
        text = ",".join(value) if isinstance(value, tuple | list) else str(value)
        flags.append(f"--{name.replace('_', '-')}={text}")
    return flags
