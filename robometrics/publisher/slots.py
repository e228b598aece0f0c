"""One second of samples, from the buffers to the messages that carry it."""

from __future__ import annotations

from typing import Any

import msgspec

from robometrics import schema, subjects
from robometrics.publisher.gaps import Gap
from robometrics.publisher.outbox.ledger import Taken
from robometrics.publisher.series import SlotBuffer, Value
from robometrics.publisher.watchlist import Target
from robometrics.schema import NS_PER_SECOND


class Slot(msgspec.Struct):
    """One finished slot: its messages, and the targets that ended with it."""

    slot: int
    generation: int
    messages: list[tuple[str, bytes]]
    """Subject and body of each."""

    taken: list[Taken]
    """What they hold, for the ledger."""

    finished: list[Target]
    gaps: list[Gap] = []
    """Known once this slot was over."""

    anchor_ns: int = 0
    """Of the clock that stamped it, and whether that was set."""

    is_dated: bool = True
    step_ns: int = 0
    """By how much the wall clock stepped after this slot."""


class Device:
    """One GPU: its buffer, and who it is."""

    def __init__(self, index: int, uuid: str, model: str = "") -> None:
        self.index = index
        self.uuid = uuid
        self.model = model
        self.buffer = SlotBuffer()


class Columns(msgspec.Struct):
    """What one buffer held at the end of a slot."""

    of: Target | Device | None
    """``None``: the host."""

    interval_ns: int
    offset_ns: list[int]
    columns: dict[str, list[Value]]
    previous: schema.Previous | None


class Ended(msgspec.Struct):
    """A slot that is over and not yet encoded."""

    slot: int
    generation: int
    anchor_ns: int
    is_dated: bool
    taken: list[Columns] = []
    finished: list[Target] = []
    gaps: list[Gap] = []
    step_ns: int = 0

    def take(
        self, buffer: SlotBuffer, of: Target | Device | None, interval_ns: int
    ) -> None:
        """Take what *buffer* holds of this slot, if it holds anything."""
        if buffer.offset_ns:
            self.taken.append(Columns(of, interval_ns, *buffer.take(self.slot)))


class Packer:
    """Makes the messages of one host."""

    def __init__(self, host: str, boot: str) -> None:
        self._host = host
        self._boot = boot

    def pack(self, ended: Ended, messages: list[tuple[str, bytes]]) -> Slot:
        """Return *ended* with its *messages*, one for each of ``ended.taken``."""
        return Slot(
            ended.slot,
            ended.generation,
            messages,
            taken=[self._account(columns) for columns in ended.taken],
            finished=ended.finished,
            gaps=ended.gaps,
            anchor_ns=ended.anchor_ns,
            is_dated=ended.is_dated,
            step_ns=ended.step_ns,
        )

    def _account(self, columns: Columns) -> Taken:
        of, samples = columns.of, len(columns.offset_ns)
        if isinstance(of, Target):
            return "process", of.registration.name, of.run, samples
        if isinstance(of, Device):
            return "gpu", str(of.index), self._boot, samples
        return "host", "", self._boot, samples

    def message(self, ended: Ended, columns: Columns) -> tuple[str, bytes]:
        """Return subject and body of one batch."""
        of = columns.of
        common: dict[str, Any] = {
            "host": self._host,
            "generation": ended.generation,
            "slot": ended.slot,
            "interval_ns": columns.interval_ns,
            "offset_ns": columns.offset_ns,
            "metrics": columns.columns,
            "previous": columns.previous,
        }
        if isinstance(of, Target):
            name, pid = of.registration.name, of.registration.pid
            batch: schema.AnyBatch = schema.ProcessBatch(
                run=of.run, process=name, pid=pid, **common
            )
            return of.subject, schema.encode(batch)
        if isinstance(of, Device):
            subject = subjects.gpu_samples(self._host, of.index)
            batch = schema.GpuBatch(
                run=self._boot,
                index=of.index,
                uuid=of.uuid[:100],  # see the schema's bounds
                model=of.model[:200],
                **common,
            )
            return subject, schema.encode(batch)
        batch = schema.HostBatch(run=self._boot, **common)
        return subjects.host_samples(self._host), schema.encode(batch)


def add_final(target: Target, slot: int) -> None:
    """Add the reading taken at the exit, the last one of this run."""
    if target.final is None:
        return
    at_ns, cpu_time_ns = target.final
    offsets = target.buffer.offset_ns
    earliest_ns = offsets[-1] + 1 if offsets else 0
    offset_ns = min(max(at_ns - slot * NS_PER_SECOND, earliest_ns), NS_PER_SECOND - 1)
    if not offsets or offset_ns > offsets[-1]:
        target.buffer.add_fast(offset_ns, cpu_time_ns, None)
        if target.final_tree is not None:
            target.buffer.add_tree(target.final_tree)


def ends_after(target: Target, slot: int) -> bool:
    """Tell whether *target* took its last reading after *slot*."""
    return target.final is not None and target.final[0] >= (slot + 1) * NS_PER_SECOND
