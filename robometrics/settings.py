"""Every option: a flag, an environment variable and a key of the config file.

``--nats-url``, ``ROBOMETRICS_NATS_URL`` and ``nats_url = "…"`` are one option. Flags
win over the environment, that over the config file, that over a running
``robometrics up``, that over the default. A name nobody knows is refused.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from robometrics import rules, runtime
from robometrics.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENV_PREFIX = "ROBOMETRICS_"
CONFIG_ENV = "ROBOMETRICS_CONFIG"
LogLevel = Literal["debug", "info", "warning", "error"]
Durability = Literal["process", "power"]
Role = Literal["api", "persist", "rollup", "export"]


def _about(text: str, **bounds: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **bounds)


def _default_data_dir() -> str:
    if os.geteuid() == 0:
        return "/var/lib/robometrics"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return str(Path(base) / "robometrics")


class Common(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of every program."""

    nats_url: Annotated[str, _about("broker, as nats://host:port")] = (
        "nats://127.0.0.1:4222"
    )
    socket_path: Annotated[
        str, _about("Unix socket on which the worker takes registrations")
    ] = msgspec.field(default_factory=lambda: str(runtime.directory() / "worker.sock"))
    log_level: Annotated[LogLevel, _about("least severity that is logged")] = "info"


class ClientSettings(Common, frozen=True, kw_only=True):
    """Options of a measured program, and of the commands about one."""


class ReaderSettings(Common, frozen=True, kw_only=True):
    """Options of what reads stored samples."""

    api_url: Annotated[str, _about("server, as http://host:port")] = (
        "http://127.0.0.1:8420"
    )


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
    discover: Annotated[
        tuple[rules.Rule, ...],
        _about(
            "rules that find processes, as a TOML table or an array of such: "
            'exe = "planner", name = "nav"; see robometrics discover'
        ),
    ] = ()
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
            "parts to run, separated by commas: api, persist, rollup, export",
            min_length=1,
        ),
    ] = ("api", "persist", "rollup")
    bind: Annotated[str, _about("address the API listens on")] = "127.0.0.1"
    port: Annotated[int, _about("port the API listens on", ge=0, le=65_535)] = 8420
    stream_max_bytes: Annotated[
        int, _about("size of the JetStream stream", ge=1 << 20)
    ] = 2 << 30
    replicas: Annotated[
        int, _about("copies of the stream, on as many servers", ge=1, le=5)
    ] = 1
    fetch_batches: Annotated[
        int, _about("messages a consumer takes at once", ge=1, le=5_000)
    ] = 500
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
    WorkerSettings,
    ServerSettings,
    UpSettings,
)
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))(_|$)")
_KNOWN = {name for cls in ALL_SETTINGS for name in cls.__struct_fields__}
_OWN_ENV = {CONFIG_ENV, runtime.DIRECTORY_ENV}
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
        ("the running robometrics up", _from_running(environ) if join_running else {}),
        (f"config file {config}", _from_file(config) if config else {}),
        ("environment", _from_environ(environ)),
        ("command line", {k: v for k, v in flags.items() if k in _KNOWN}),
    )
    for source, values in sources:
        for name, value in values.items():
            if name in cls.__struct_fields__:
                merged[name] = _converted(cls, name, value, source)
    return msgspec.convert(merged, cls)


def _converted(cls: type[Common], name: str, value: Any, source: str) -> Any:
    info = next(f for f in msgspec.structs.fields(cls) if f.name == name)
    if name == "discover" and isinstance(value, str):
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


def _from_running(environ: Mapping[str, str]) -> dict[str, Any]:
    running = runtime.find(environ)
    if running is None:
        return {}
    found = {
        "nats_url": running.nats_url,
        "mongo_url": running.mongo_url,
        "api_url": running.api_url,
        "socket_path": running.socket_path,
    }
    return {name: value for name, value in found.items() if value}


def _from_file(path: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise SettingsError(f"config file {path}: {exc}") from exc
    _refuse_unknown(values, _KNOWN, f"config file {path}")
    return values


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    ours = {
        name
        for name, value in environ.items()
        if name.startswith(ENV_PREFIX)
        and name not in _OWN_ENV
        and not _is_of_kubernetes(name, value)
    }
    _refuse_unknown(ours, {ENV_PREFIX + name.upper() for name in _KNOWN}, "environment")
    return {name[len(ENV_PREFIX) :].lower(): environ[name] for name in ours}


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Tell what Kubernetes sets by itself for a Service called ``robometrics…``."""
    return bool(_SERVICE_LINK.search(name)) or value.startswith(("tcp://", "udp://"))


def _refuse_unknown(names: Iterable[str], known: set[str], source: str) -> None:
    stems = {name.removeprefix(ENV_PREFIX): name for name in known}
    for name in sorted(names):
        if name in known:
            continue
        near = difflib.get_close_matches(name.removeprefix(ENV_PREFIX), stems, 1)
        hint = f"; did you mean {stems[near[0]]}?" if near else ""
        raise SettingsError(f"{source}: nobody knows {name}{hint}")


def to_flags(settings: Common, names: Sequence[str]) -> list[str]:
    """Return a command line that gives another program these options."""
    flags = []
    for name in names:
        value = getattr(settings, name)
        if name == "discover":
            value = [rules.to_toml(value)]
        text = ",".join(value) if isinstance(value, tuple | list) else str(value)
        flags.append(f"--{name.replace('_', '-')}={text}")
    return flags
