"""The contract for requests: what a worker or server is asked, and what it answers.

As in ``schema``, fields are only appended, each with a default. Requests and replies
travel as JSON, except ``verify``: there a tally asks, and what is missing answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from robometrics.errors import BadRequestError
from robometrics.schema import (
    MESSAGE_BYTES_MAX,
    NS_PER_SECOND,
    BootId,
    Count,
    EventId,
    Name,
    Pid,
    Tags,
    TallyRow,
    decode_bounded,
)

REQUEST_BYTES_MAX = 16 * 1024
REPLY_BYTES_MAX = 8 << 20
"""For a list of all the processes that a worker may measure."""

INTERVAL_NS_MIN = 1_000_000
INTERVAL_NS_MAX = 60 * NS_PER_SECOND
BURST_NS_MAX = 600 * NS_PER_SECOND

Token = Annotated[str, msgspec.Meta(max_length=256)]
IntervalNs = Annotated[int, msgspec.Meta(ge=INTERVAL_NS_MIN, le=INTERVAL_NS_MAX)]


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one process is measured; each part beyond the usual is asked for."""

    interval_ns: IntervalNs | None = None
    """Distance of two samples; ``None``: the worker's usual one."""

    tree: bool = False
    """Also the sum of the process and all that it started."""

    children: bool = False
    """Also each process that it started, as a process of its own."""

    threads: bool = False
    """Also CPU time by name of thread."""

    memory_detail: bool = False
    """Also PSS and USS, at most twice a minute: reading them holds the process up."""

    open_files: bool = False
    """Also the number of open file descriptors."""

    cgroup: bool = False
    """Also CPU, memory and pressure of the container or unit it runs in."""


def make_plan(wishes: Mapping[str, Any]) -> Plan:
    """Return the plan with these fields; the interval may be ``interval_seconds``.

    Raises:
        BadRequestError: A field is unknown or its value is wrong; it is named.
    """
    values = dict(wishes)
    for name, value in wishes.items():
        if name == "interval_seconds":
            seconds = values.pop(name)
            if not isinstance(seconds, int | float):
                raise BadRequestError(name, f"{value!r} is not a number")
            values["interval_ns"] = round(seconds * NS_PER_SECOND)
        elif name not in Plan.__struct_fields__:
            known = ", ".join(["interval_seconds", *Plan.__struct_fields__[1:]])
            raise BadRequestError(name, f"nobody knows it; choose from {known}")
    try:
        return msgspec.convert(values, Plan)
    except msgspec.ValidationError as exc:
        raise BadRequestError("plan", str(exc)) from exc


class RegisterRequest(msgspec.Struct, kw_only=True, omit_defaults=True, tag="register"):
    """Ask the worker on this host to measure a process under a name."""

    name: Name
    pid: Pid
    """As the sender sees it."""

    start_ticks: Count | None = None
    """Kernel start time of the process; guards against a reused pid."""

    boot_id: BootId | None = None
    pid_namespace: Count | None = None
    """Inode of the pid namespace in which ``pid`` is meant: the sender's own."""

    tags: Tags = {}
    plan: Plan = Plan()
    boottime_offset_ns: int = 0
    """By how much the sender's time namespace sets the time since boot off, and with it
    ``start_ticks``; in ns (see time_namespaces(7))."""

    token: Token = ""
    """Over the network: what the worker trusts, instead of a user."""


class UnregisterRequest(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag="unregister"
):
    """Ask the worker to stop measuring a process, under one name or all."""

    pid: Pid
    name: Name | None = None
    start_ticks: Count | None = None
    pid_namespace: Count | None = None
    ended: bool = False
    """The process has ended and its parent holds it until this is answered, so that
    the worker can take a last, exact reading."""

    exit_code: Annotated[int, msgspec.Meta(ge=-255, le=2**31 - 1)] | None = None
    boot_id: BootId | None = None
    boottime_offset_ns: int = 0
    """As in ``RegisterRequest``."""

    token: Token = ""
    """As in ``RegisterRequest``."""


class ListRequest(msgspec.Struct, tag="list"):
    """Ask the worker what it measures."""


class WhoRequest(msgspec.Struct, tag="who"):
    """Ask which workers answer for a host's name."""


class IntervalRequest(msgspec.Struct, kw_only=True, omit_defaults=True, tag="interval"):
    """Sample at another distance from now on."""

    interval_ns: IntervalNs | None = None
    """``None``: the usual one again, of a process; of a host, as it was set up."""

    process: Name | None = None
    """``None``: all processes that were given no interval of their own."""


class BurstRequest(msgspec.Struct, kw_only=True, omit_defaults=True, tag="burst"):
    """Sample one process at a high rate for a while."""

    process: Name
    interval_ns: IntervalNs = INTERVAL_NS_MIN
    duration_ns: Annotated[int, msgspec.Meta(ge=1, le=BURST_NS_MAX)] = (
        10 * NS_PER_SECOND
    )


AnyRequest = (
    RegisterRequest
    | UnregisterRequest
    | ListRequest
    | WhoRequest
    | IntervalRequest
    | BurstRequest
)


class Watched(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One process a worker measures."""

    process: str
    pid: int
    run: str
    command: str = ""
    cpu_time_ns: int | None = None
    memory_rss_bytes: int | None = None
    tags: dict[str, str] = {}
    interval_ns: int = 0
    """Distance of its samples now."""


class WorkerIdentity(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One worker, and the machine it runs on."""

    instance: str
    """Random, given at its start."""

    machine: str
    """The machine's own name, whatever the worker calls its host."""

    boot_id: str
    pid: int
    started_at_ns: int
    """When the worker started, ns since the Unix epoch."""

    data_dir: str = ""
    """Folder of its outbox, as the worker sees it; empty: of an older release."""


class Reply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A worker's answer to any request."""

    accepted: bool
    host: str = ""
    code: str = ""
    """Why it was refused, from a small fixed set; empty if accepted."""

    reason: str = ""
    """Why it was refused, for people."""

    run: str = ""
    interval_ns: int = 0
    watched: list[Watched] = []
    worker: WorkerIdentity | None = None
    """Who answers, to ``WhoRequest``."""

    from_ns: int = 0
    """When the burst began, ns since the Unix epoch, to ``BurstRequest``."""

    until_ns: int = 0
    """When it will be over."""

    samples: int | None = None
    """To ``UnregisterRequest``: how many samples were taken of the process."""


class Verdict(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A server's answer to a tally: what of it is not in the database."""

    rows: list[TallyRow] = []
    """Only the missing slots; ``samples`` as in the tally."""

    events: list[EventId] = []
    problem: str = ""
    """Why it cannot tell now; empty if it can."""


class Now(msgspec.Struct, kw_only=True):
    """A server's answer when asked for the time."""

    now_ns: Count
    """Nanoseconds since the Unix epoch."""


_json_encoder = msgspec.json.Encoder()
_request_decoder = msgspec.json.Decoder(AnyRequest)
_reply_decoder = msgspec.json.Decoder(Reply)
_now_decoder = msgspec.json.Decoder(Now)
_verdict_decoder = msgspec.msgpack.Decoder(Verdict)

encode_request = _json_encoder.encode
"""Encode a request, a reply, or the time."""


def decode_request(data: bytes) -> AnyRequest:
    """Decode one request to a worker.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    request: AnyRequest = decode_bounded(_request_decoder, data, REQUEST_BYTES_MAX)
    return request


def decode_reply(data: bytes) -> Reply:
    """Decode a worker's answer.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    return decode_bounded(_reply_decoder, data, REPLY_BYTES_MAX)


def decode_now(data: bytes) -> Now:
    """Decode a server's time.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    return decode_bounded(_now_decoder, data, REQUEST_BYTES_MAX)


def decode_verdict(data: bytes) -> Verdict:
    """Decode a server's answer to a tally.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    return decode_bounded(_verdict_decoder, data, MESSAGE_BYTES_MAX)
