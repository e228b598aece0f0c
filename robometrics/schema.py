"""The contract for data: what workers publish, consumers store, and browsers see.

Fields are only appended, and a new field always has a default: workers and consumers
of two releases run side by side during a deploy. Data travels as MessagePack.
``decode_*`` are the only ways in, and they bound everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import msgspec

from robometrics.errors import DiscardMessageError
from robometrics.metrics import is_key

MESSAGE_BYTES_MAX = 256 * 1024
SAMPLES_PER_BATCH_MAX = 10_000
METRICS_PER_BATCH_MAX = 512
TALLY_SLOTS_MAX = 60
TALLY_ROWS_MAX = 400  # of the longest names, in one message
TALLY_EVENTS_MAX = 2_000
ANCESTORS_MAX = 32
TAGS_MAX = 16
NS_PER_SECOND = 1_000_000_000

_INT64 = {"ge": -(2**63), "le": 2**63 - 1}
_FLOAT_MAX = 1e280  # so that no sum or rate per second of them overflows; nor is it NaN

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Text = Annotated[str, msgspec.Meta(max_length=1_000)]
RunId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z-]{1,64}\Z")]
REPORTED = "reported-"
"""Begins the runs of readings that were posted over HTTP, see ``is_reported``."""

EventId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z-]{1,64}\Z")]
BootId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{1,64}\Z")]
Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
EpochNs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Slot = Annotated[int, msgspec.Meta(ge=946_684_800, lt=4_102_444_800)]
"""Seconds since the Unix epoch, from 2000 to 2099."""

OffsetNs = Annotated[int, msgspec.Meta(ge=0, lt=NS_PER_SECOND)]
MetricKey = str
"""Matches ``metrics.KEY``: checked apart, as most have been seen before."""

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
    msgspec.Meta(max_length=TAGS_MAX),
]
Facts = Annotated[
    dict[
        Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}\Z")],
        Annotated[str, msgspec.Meta(max_length=200)]
        | Annotated[int, msgspec.Meta(**_INT64)]
        | Annotated[float, msgspec.Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX)],
    ],
    msgspec.Meta(max_length=32),
]


def is_reported(run: str) -> bool:
    """Tell whether the readings of *run* were posted over HTTP.

    No worker of ours took them: nobody counts them in tallies, and nobody says what
    of them is missing.
    """
    return run.startswith(REPORTED)


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """The counters as they stood at the sample before a batch's first one.

    So each batch yields the rate of its first sample without its neighbour, and tells
    whether a batch is missing before it.
    """

    offset_ns: Annotated[int, msgspec.Meta(ge=-3600 * NS_PER_SECOND, lt=0)]
    """When it was taken, relative to this batch's slot; always negative."""

    counters: Annotated[
        dict[MetricKey, Annotated[int, msgspec.Meta(**_INT64)]],
        msgspec.Meta(max_length=METRICS_PER_BATCH_MAX),
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
    """Counts the backward steps of the host's wall clock; of what was posted over HTTP,
    the readings of one second."""

    slot: Slot
    """The second that all samples lie in, since the Unix epoch."""

    interval_ns: Annotated[int, msgspec.Meta(ge=1, le=3600 * NS_PER_SECOND)]
    """Distance of the samples as configured."""

    offset_ns: Annotated[
        list[OffsetNs], msgspec.Meta(min_length=1, max_length=SAMPLES_PER_BATCH_MAX)
    ]
    """When each sample was taken: ns since the start of the slot, increasing."""

    metrics: Annotated[
        dict[MetricKey, Column], msgspec.Meta(max_length=METRICS_PER_BATCH_MAX)
    ]
    """One column per metric: a value per sample, or one single value, read once in the
    slot and valid at its last sample. ``None``: could not be read."""

    previous: Previous | None = None
    """``None`` for the first batch of a run, and after a step of the clock."""

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
    model: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What its maker or driver calls it, for people."""

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


GAP_CAUSES = {
    "worker_killed": "the worker was killed",
    "worker_stopped": "the worker was stopped",
    "host_off": "the host was off",
    "host_asleep": "the host was asleep",
    "overrun": "ticks came too late to be taken",
    "process_unreadable": "the process could not be read",
    "clock": "the clock was set forward over it",
    "outbox_full": "the outbox was full and gave up its oldest",
    "outbox_expired": "the outbox gave up what was too old",
    "outbox_damaged": "the outbox was damaged",
    "disk": "the disk took nothing, and memory ran out",
}
"""Why samples are missing. The first seven were never taken; of the others the worker
took batches and had to give them up."""


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
    """First missing slot, of a ``gap``; ``None`` if not known."""

    to_slot: Slot | None = None
    """Last missing slot, of a ``gap``."""

    missing: Count | None = None
    """Batches known to be missing, of a ``gap``; ``None`` if not known."""

    cause: Cause | None = None
    """Why, of a ``gap``: one of ``GAP_CAUSES``, or a newer worker's."""

    missing_samples: Count | None = None
    """Samples known to be missing in batches that are there, of a ``gap``."""

    facts: Facts | None = None
    """What the machine is, of a ``worker_started``: names with units, and values."""

    ancestors: Annotated[list[RunId], msgspec.Meta(max_length=ANCESTORS_MAX)] | None = (
        None
    )
    """Of what was ``registered``: the run of its parent, of that one's parent, and so
    on, measured or not, as they were then. ``None``: not known."""


Cause = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{0,31}\Z")]


class TallyRow(msgspec.Struct, array_like=True, frozen=True):
    """What a worker took of one run, or of the host, in the slots of a tally."""

    kind: Literal["process", "host", "gpu"]
    name: Annotated[str, msgspec.Meta(max_length=100)]
    """Process name or GPU index; empty for a host."""

    run: RunId
    slots: Annotated[int, msgspec.Meta(ge=1, lt=2**TALLY_SLOTS_MAX)]
    """Bit *i*: there is a batch for slot ``from_slot + i``."""

    samples: Annotated[int, msgspec.Meta(ge=1, le=2**32)]
    """Samples in all those batches together."""


class Tally(msgspec.Struct, kw_only=True, omit_defaults=True, tag="tally"):
    """What a worker took in up to a minute: the account an audit holds it to.

    It reaches the outbox after the batches it counts, and travels like an event. The
    sequence shows whether a tally itself is missing.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    host: Name
    outbox: EventId
    """Which outbox it was made of; a host that loses its disk gets a new one."""

    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    """Counts the tallies of one outbox, from 1."""

    generation: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
    from_slot: Slot
    rows: Annotated[list[TallyRow], msgspec.Meta(max_length=TALLY_ROWS_MAX)] = []
    events: Annotated[list[EventId], msgspec.Meta(max_length=TALLY_EVENTS_MAX)] = []
    """Ids of the events that were written since the tally before."""


_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(AnyBatch)
_note_decoder = msgspec.msgpack.Decoder(Event | Tally)

encode = _encoder.encode
"""Encode a batch, an event or a tally."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises of bytes that are broken, no text, or nested without end."""

_T = TypeVar("_T")


def decode_batch(data: bytes) -> AnyBatch:
    """Decode and check one batch.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    batch: AnyBatch = decode_bounded(_batch_decoder, data, MESSAGE_BYTES_MAX)
    check_columns(batch)
    return batch


def decode_note(data: bytes) -> Event | Tally:
    """Decode what travels on the subject of events.

    Raises:
        DiscardMessageError: *data* breaks the schema; the message says where.
    """
    note: Event | Tally = decode_bounded(_note_decoder, data, MESSAGE_BYTES_MAX)
    return note


def decode_bounded(
    decoder: msgspec.msgpack.Decoder[_T] | msgspec.json.Decoder[_T],
    data: bytes,
    bytes_max: int,
) -> _T:
    """Decode at most *bytes_max* bytes.

    Raises:
        DiscardMessageError: *data* is longer, or breaks the schema.
    """
    if len(data) > bytes_max:
        raise DiscardMessageError(f"{len(data)} bytes; at most {bytes_max} are allowed")
    try:
        return decoder.decode(data)
    except UNREADABLE as exc:
        raise DiscardMessageError(str(exc)[:500]) from exc


def check_columns(batch: AnyBatch) -> None:
    """Check what types cannot say: keys, and that columns fit the times.

    Raises:
        DiscardMessageError: They do not.
    """
    _check_keys(batch.metrics)
    if batch.previous is not None:
        _check_keys(batch.previous.counters)
    offsets = batch.offset_ns
    if len(offsets) > 1 and sorted(set(offsets)) != offsets:
        raise DiscardMessageError("offset_ns: must increase")

    lengths = (1, len(offsets))
    if set(map(len, batch.metrics.values())).issubset(lengths):
        return
    for key, column in batch.metrics.items():
        if len(column) not in lengths:
            raise DiscardMessageError(
                f"metrics.{key}: {len(column)} values for {len(offsets)} samples"
            )


_known_keys: set[str] = set()
_KNOWN_KEYS_MAX = 65_536  # names of interfaces and threads come and go for ever


def _check_keys(found: Mapping[str, object]) -> None:
    """Refuse what is no key of a metric; matching each anew would double the cost."""
    if found.keys() <= _known_keys:
        return
    for key in found.keys() - _known_keys:
        if not is_key(key):
            raise DiscardMessageError(f"{key[:80]!r} is no key of a metric")
    if len(_known_keys) > _KNOWN_KEYS_MAX:
        _known_keys.clear()
    _known_keys.update(found)
