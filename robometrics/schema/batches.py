"""Batches: all samples of one run, host or GPU in one second."""

from __future__ import annotations

from typing import Annotated

import msgspec

from robometrics.schema.fields import (
    INT64,
    METRICS_PER_BATCH_MAX,
    NS_PER_SECOND,
    SAMPLES_PER_BATCH_MAX,
    Column,
    MetricKey,
    Name,
    OffsetNs,
    Pid,
    RunId,
    Slot,
)


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """The counters as they stood at the sample before a batch's first one.

    So each batch yields the rate of its first sample without its neighbour, and tells
    whether a batch is missing before it.
    """

    offset_ns: Annotated[int, msgspec.Meta(ge=-3600 * NS_PER_SECOND, lt=0)]
    """When it was taken, relative to this batch's slot; always negative."""

    counters: Annotated[
        dict[MetricKey, Annotated[int, msgspec.Meta(**INT64)]],
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
