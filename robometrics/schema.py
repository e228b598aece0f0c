"""The contract between programs, workers, consumers, the API and the browser.

Fields are only appended, and a new field always has a default: workers and consumers
of two releases run side by side during a deploy. Data travels as MessagePack, requests
as JSON. ``decode_*`` are the only ways in, and they bound everything.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeVar

import msgspec

from robometrics.errors import DiscardMessageError
from robometrics.metrics import KEY

MESSAGE_BYTES_MAX = 256 * 1024
REQUEST_BYTES_MAX = 16 * 1024
SAMPLES_PER_BATCH_MAX = 10_000
NS_PER_SECOND = 1_000_000_000

_INT64 = {"ge": -(2**63), "le": 2**63 - 1}
_FLOAT_MAX = 1e280  # so that no sum or rate per second of them overflows

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Text = Annotated[str, msgspec.Meta(max_length=1_000)]
RunId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z-]{1,64}\Z")]
EventId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z-]{1,64}\Z")]
BootId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{1,64}\Z")]
Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
EpochNs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Slot = Annotated[int, msgspec.Meta(ge=946_684_800, lt=4_102_444_800)]
"""Seconds since the Unix epoch, from 2000 to 2099."""

OffsetNs = Annotated[int, msgspec.Meta(ge=0, lt=NS_PER_SECOND)]
MetricKey = Annotated[str, msgspec.Meta(pattern=KEY)]
Value = (
    Annotated[int, msgspec.Meta(**_INT64)]
    | Annotated[float, msgspec.Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX)]
    | None
)
Column = Annotated[list[Value], msgspec.Meta(max_length=SAMPLES_PER_BATCH_MAX)]
Tags = Annotated[
    dict[
        Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")],
        Annotated[str, msgspec.Meta(min_length=1, max_length=100)],
    ],
    msgspec.Meta(max_length=16),
]


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """The counters as they stood at the sample before a batch's first one.

    So each batch yields the rate of its first sample without its neighbour, and tells
    whether a batch is missing before it.
    """

    offset_ns: Annotated[int, msgspec.Meta(ge=-3600 * NS_PER_SECOND, lt=0)]
    """When it was taken, relative to this batch's slot; always negative."""

    counters: Annotated[
        dict[MetricKey, Annotated[int, msgspec.Meta(**_INT64)]],
        msgspec.Meta(max_length=512),
    ]


class Batch(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="kind"):
    """All samples of one process run, host or GPU in one slot.

    One JetStream message, one MongoDB document. (host, kind, name, run, generation,
    slot) identifies it for ever.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """Absent means 1, for ever: who writes a later schema says so."""

    host: Name
    """The worker's host, as configured."""

    run: RunId
    """Incarnation: of a process, boot id + pid + kernel start time; else boot id."""

    generation: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
    """Counts the backward steps of the host's wall clock."""

    slot: Slot
    """The second that all samples lie in, since the Unix epoch."""

    interval_ns: Annotated[int, msgspec.Meta(ge=1, le=3600 * NS_PER_SECOND)]
    """Distance of the samples as configured."""

    offset_ns: Annotated[
        list[OffsetNs], msgspec.Meta(min_length=1, max_length=SAMPLES_PER_BATCH_MAX)
    ]
    """When each sample was taken: ns since the start of the slot, increasing."""

    metrics: Annotated[dict[MetricKey, Column], msgspec.Meta(max_length=512)]
    """One column per metric: a value per sample, or one single value, read once in the
    slot and valid at its last sample. ``None``: could not be read."""

    previous: Previous | None = None
    """``None`` for the first batch of a run or generation."""

    @property
    def name(self) -> str:
        """What is measured on the host: process name, GPU index, or ``""``."""
        return ""

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)


class ProcessBatch(Batch, tag="process"):
    """Samples of one run of one process."""

    process: Name
    """The name it registered under."""

    pid: Pid
    """For people; reused by the kernel, so never an identity on its own."""

    @property
    def name(self) -> str:
        return self.process


class HostBatch(Batch, tag="host"):
    """Samples of the host as a whole, and of the worker itself."""


class GpuBatch(Batch, tag="gpu"):
    """Samples of one GPU."""

    index: Annotated[int, msgspec.Meta(ge=0, le=4095)]
    """Position on the host, as the driver counts."""

    uuid: Annotated[str, msgspec.Meta(max_length=100)] = ""

    @property
    def name(self) -> str:
        return str(self.index)


AnyBatch = ProcessBatch | HostBatch | GpuBatch

EventKind = Literal[
    "worker_started",
    "worker_stopped",
    "registered",
    "unregistered",
    "exited",
    "gap",
    "clock_stepped",
]


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, tag="event"):
    """Something that happened on a host, at one time."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    id: EventId
    """Random, given once by the worker: redelivery cannot double an event."""

    host: Name
    event: EventKind
    at_ns: EpochNs
    process: Name | None = None
    run: RunId | None = None
    pid: Pid | None = None
    started_at_ns: EpochNs | None = None
    """Start of the process, ns since the Unix epoch."""

    command: Text | None = None
    tags: Tags | None = None
    exit_code: Annotated[int, msgspec.Meta(ge=-255, le=2**31 - 1)] | None = None
    """As Python's ``subprocess`` has it: negative is the number of a signal."""

    reason: Text | None = None
    from_slot: Slot | None = None
    """First missing slot, of a ``gap``."""

    to_slot: Slot | None = None
    """Last missing slot, of a ``gap``."""

    missing: Count | None = None
    """Batches known to be missing, of a ``gap``; ``None`` if not known."""


class RegisterRequest(msgspec.Struct, kw_only=True, omit_defaults=True, tag="register"):
    """Ask the worker on this host to measure a process under a name."""

    name: Name
    pid: Pid
    """As the sender sees it."""

    start_ticks: Count | None = None
    """Kernel start time of the process; guards against a reused pid."""

    boot_id: BootId | None = None
    pid_namespace: Count | None = None
    """Inode of ``/proc/<pid>/ns/pid`` as the sender sees it."""

    tags: Tags = {}


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


class ListRequest(msgspec.Struct, tag="list"):
    """Ask the worker what it measures."""


AnyRequest = RegisterRequest | UnregisterRequest | ListRequest


class Watched(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One process a worker measures."""

    process: str
    pid: int
    run: str
    command: str = ""
    cpu_time_ns: int | None = None
    memory_rss_bytes: int | None = None
    tags: dict[str, str] = {}


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


_encoder = msgspec.msgpack.Encoder()
_json_encoder = msgspec.json.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(AnyBatch)
_event_decoder = msgspec.msgpack.Decoder(Event)
_request_decoder = msgspec.json.Decoder(AnyRequest)
_reply_decoder = msgspec.json.Decoder(Reply)

encode = _encoder.encode
"""Encode a batch or an event."""

encode_request = _json_encoder.encode
"""Encode a request or a reply."""

_T = TypeVar("_T")


def decode_batch(data: bytes) -> AnyBatch:
    """Decode and check one batch.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    batch: AnyBatch = _decode(_batch_decoder, data, MESSAGE_BYTES_MAX)
    _check_columns(batch)
    return batch


def decode_event(data: bytes) -> Event:
    """Decode one event.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    return _decode(_event_decoder, data, MESSAGE_BYTES_MAX)


def decode_request(data: bytes) -> AnyRequest:
    """Decode one request to a worker.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    request: AnyRequest = _decode(_request_decoder, data, REQUEST_BYTES_MAX)
    return request


def decode_reply(data: bytes) -> Reply:
    """Decode a worker's answer.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    return _decode(_reply_decoder, data, MESSAGE_BYTES_MAX)


def _decode(
    decoder: msgspec.msgpack.Decoder[_T] | msgspec.json.Decoder[_T],
    data: bytes,
    bytes_max: int,
) -> _T:
    if len(data) > bytes_max:
        raise DiscardMessageError(f"{len(data)} bytes; at most {bytes_max} are allowed")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise DiscardMessageError(str(exc)[:500]) from exc


def _check_columns(batch: AnyBatch) -> None:
    offsets = batch.offset_ns
    if len(offsets) > 1 and sorted(set(offsets)) != offsets:
        raise DiscardMessageError("offset_ns: must increase")

    for key, column in batch.metrics.items():
        if len(column) not in (1, len(offsets)):
            raise DiscardMessageError(
                f"metrics.{key}: {len(column)} values for {len(offsets)} samples"
            )
        if not math.isfinite(sum(filter(None, column))):
            raise DiscardMessageError(f"metrics.{key}: not a finite number")
