"""Notes: what happened on a host, and what its worker took."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from robometrics.schema.fields import (
    ANCESTORS_MAX,
    TALLY_EVENTS_MAX,
    TALLY_ROWS_MAX,
    TALLY_SLOTS_MAX,
    Count,
    EpochNs,
    EventId,
    Facts,
    Name,
    Pid,
    RunId,
    Slot,
    Tags,
    Text,
)

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

Cause = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{0,31}\Z")]


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
