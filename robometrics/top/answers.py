"""What the server answers over REST, as far as it is shown."""

from __future__ import annotations

from typing import Literal

import msgspec

from robometrics.schema import Name

ProcessState = Literal["running", "stale", "exited"]


class Host(msgspec.Struct, kw_only=True):
    """A row of ``/api/v1/hosts``."""

    host: Name
    state: Literal["live", "stale", "offline"]
    last_seen_ms: float
    outbox_messages: int | None = None


class Process(msgspec.Struct, kw_only=True):
    """A row of ``/api/v1/processes``."""

    host: Name
    process: Name
    state: ProcessState
    run: str
    pid: int
    started_ms: float | None
    first_seen_ms: float
    last_seen_ms: float
    command: str
    exit_code: int | None
    tags: dict[str, str]


class Gpu(msgspec.Struct, kw_only=True):
    """A row of ``/api/v1/gpus``."""

    host: Name
    gpu: int
    state: Literal["live", "stale"]
    model: str


class Run(msgspec.Struct, kw_only=True):
    """A row of ``/api/v1/runs``."""

    run: str
    pid: int
    started_ms: float | None
    first_seen_ms: float | None
    last_seen_ms: float | None
    ended_ms: float | None
    end: str | None
    exit_code: int | None
    command: str
    tags: dict[str, str]


class Part(msgspec.Struct):
    """Whether a server behind the API answers, and if not, why."""

    ok: bool
    problem: str = ""


class Stream(msgspec.Struct, kw_only=True):
    """What waits between hosts and database."""

    messages: int
    percent_full: float
    oldest_age_seconds: float | None


class Outbox(msgspec.Struct, kw_only=True):
    """What a host holds."""

    host: Name
    outbox_messages: int
    clock_offset_ms: float | None = None


class Pipeline(msgspec.Struct, kw_only=True):
    """``/api/v1/pipeline``; ``None`` where the server that knows it is away."""

    now_ms: float
    broker: Part
    database: Part
    stream: Stream | None = None
    dead_letters: int | None = None
    hosts: list[Outbox] | None = None


class Hosts(msgspec.Struct):
    hosts: list[Host]


class Processes(msgspec.Struct):
    processes: list[Process]


class Gpus(msgspec.Struct):
    gpus: list[Gpu]


class Runs(msgspec.Struct):
    runs: list[Run]


class Fleet(msgspec.Struct, kw_only=True):
    """Everything there is, as of one moment."""

    hosts: list[Host] = []
    processes: list[Process] = []
    gpus: list[Gpu] = []
