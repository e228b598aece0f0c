"""A strip: many batches of one run in columns, as they are packed, merged and read.

Batches are rows in the order of their slots. What belongs to a batch has an entry for
each row; what belongs to its samples lies end to end, row after row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from robometrics.schema import NS_PER_SECOND

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64] | NDArray[np.float64]

ABSENT, SINGLE, EACH = 0, 1, 2
"""Of a metric in one batch: no column, one value at the last sample, one each."""


class Label(NamedTuple):
    """What a batch says for people of the process or GPU it is about."""

    pid: int = 0
    uuid: str = ""
    model: str = ""


class Samples(NamedTuple):
    """The values of one metric in time, each beside the one before it; by sample."""

    time_ns: Ints
    """Since the Unix epoch, increasing."""

    values: Numbers
    before_ns: Ints
    """When the counter stood at ``before``; ``time_ns`` where that is not known."""

    before: Numbers
    interval_ns: Ints
    """Distance of samples as configured."""

    @property
    def has_before(self) -> Bools:
        return self.before_ns < self.time_ns


class Column(msgspec.Struct):
    """One metric."""

    forms: NDArray[np.uint8]
    """``ABSENT``, ``SINGLE`` or ``EACH``, by batch."""

    values: Numbers
    """Those of all batches; 0 where ``present`` is not set."""

    present: Bools
    before: Ints
    """The counter before the batch, by batch; 0 where ``chained`` is not set."""

    chained: Bools

    def lengths(self, counts: Ints) -> Ints:
        """Return how many values each batch has."""
        each = np.where(self.forms == EACH, counts, 0)
        return cast("Ints", each + (self.forms == SINGLE))


class Strip(msgspec.Struct):
    """Batches of one run and generation, by slot; each slot once."""

    slots: Ints
    counts: Ints
    """Samples of each batch, at least one."""

    interval_ns: Ints
    offset_ns: Ints
    """Of all samples: since the start of their slot."""

    before_ns: Ints
    """Offset of the sample before each batch, below 0; 0: none is known."""

    label_of: Ints
    """Position in ``labels``, of each batch."""

    labels: tuple[Label, ...]
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def time_ns(self) -> Ints:
        """Return when each sample was taken, since the Unix epoch."""
        starts = np.repeat(self.slots, self.counts) * NS_PER_SECOND
        return cast("Ints", starts + self.offset_ns)

    def take(self, rows: Ints) -> Strip:
        """Return only *rows*, in that order, with the metrics they have."""
        return Strip(
            slots=self.slots[rows],
            counts=self.counts[rows],
            interval_ns=self.interval_ns[rows],
            offset_ns=self.offset_ns[_stretches(self.counts, rows)],
            before_ns=self.before_ns[rows],
            label_of=self.label_of[rows],
            labels=self.labels,
            columns={
                key: _take(column, column.lengths(self.counts), rows)
                for key, column in self.columns.items()
                if column.forms[rows].any() or column.chained[rows].any()
            },
        )

    def between(self, start: int, stop: int) -> Strip:
        """Return the batches with ``start <= slot < stop``."""
        if not len(self) or (start <= self.slots[0] and self.slots[-1] < stop):
            return self
        first, last = np.searchsorted(self.slots, (start, stop))
        return self.take(np.arange(first, last))

    def positions(self, column: Column) -> Ints:
        """Return of each value of *column* which of all samples it belongs to."""
        single = column.forms == SINGLE
        if not single.any():
            return np.flatnonzero(np.repeat(column.forms == EACH, self.counts))
        lengths = column.lengths(self.counts)
        rows = np.repeat(np.arange(len(self)), lengths)
        index = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        ends = np.cumsum(self.counts)
        index += np.where(single, ends - 1, ends - self.counts)[rows]
        return index

    def samples(self, key: str) -> Samples | None:
        """Return the values of metric *key*, ``None`` if there are none."""
        column = self.columns.get(key)
        if column is None or not column.present.any():
            return None
        rows = np.repeat(np.arange(len(self)), column.lengths(self.counts))
        time_ns = self.time_ns[self.positions(column)]
        present = column.present
        rows, time_ns, values = rows[present], time_ns[present], column.values[present]

        before_ns, before = np.empty_like(time_ns), np.empty_like(values)
        before_ns[1:], before[1:] = time_ns[:-1], values[:-1]
        firsts = np.flatnonzero(np.diff(rows, prepend=-1))
        of = rows[firsts]
        chained = column.chained[of]
        at_ns = self.slots[of] * NS_PER_SECOND + self.before_ns[of]
        before_ns[firsts] = np.where(chained, at_ns, time_ns[firsts])
        before[firsts] = np.where(chained, column.before[of], values[firsts])
        return Samples(time_ns, values, before_ns, before, self.interval_ns[rows])


def joined(strips: Sequence[Strip]) -> Strip:
    """Return the batches of *strips*, by slot; of two of one slot the first one.

    A metric that has floats in one of them has floats in all.
    """
    if len(strips) == 1:
        only = strips[0]
        if np.all(np.diff(only.slots) > 0):
            return only
    labels = tuple(dict.fromkeys(label for strip in strips for label in strip.labels))
    label_of = [
        np.array([labels.index(label) for label in strip.labels])[strip.label_of]
        for strip in strips
    ]
    together = Strip(
        slots=np.concatenate([strip.slots for strip in strips]),
        counts=np.concatenate([strip.counts for strip in strips]),
        interval_ns=np.concatenate([strip.interval_ns for strip in strips]),
        offset_ns=np.concatenate([strip.offset_ns for strip in strips]),
        before_ns=np.concatenate([strip.before_ns for strip in strips]),
        label_of=np.concatenate(label_of),
        labels=labels,
        columns=_joined(strips),
    )
    if np.all(np.diff(together.slots) > 0):
        return together
    return together.take(np.unique(together.slots, return_index=True)[1])


def _joined(strips: Sequence[Strip]) -> dict[str, Column]:
    parts: dict[str, list[tuple[int, Column]]] = {}
    batches = 0
    for strip in strips:
        for key, column in strip.columns.items():
            parts.setdefault(key, []).append((batches, column))
        batches += len(strip)
    columns = {}
    for key, mine in parts.items():
        whole = columns[key] = absent(batches)
        whole.values = np.concatenate([part.values for _, part in mine])
        whole.present = np.concatenate([part.present for _, part in mine])
        for first, part in mine:
            rows = slice(first, first + len(part.forms))
            whole.forms[rows] = part.forms
            whole.before[rows] = part.before
            whole.chained[rows] = part.chained
    return columns


def absent(batches: int) -> Column:
    """Return the column of a metric that none of *batches* has."""
    return Column(
        forms=np.zeros(batches, np.uint8),
        values=np.zeros(0, np.int64),
        present=np.zeros(0, np.bool_),
        before=np.zeros(batches, np.int64),
        chained=np.zeros(batches, np.bool_),
    )


def _take(column: Column, lengths: Ints, rows: Ints) -> Column:
    chosen = _stretches(lengths, rows)
    return Column(
        forms=column.forms[rows],
        values=column.values[chosen],
        present=column.present[chosen],
        before=column.before[rows],
        chained=column.chained[rows],
    )


def _stretches(lengths: Ints, rows: Ints) -> Ints:
    """Return the positions of the values of *rows*, which lie end to end."""
    starts = np.cumsum(lengths) - lengths
    wanted = lengths[rows]
    ends = np.cumsum(wanted)
    shift = np.repeat(starts[rows] - (ends - wanted), wanted)
    return cast("Ints", np.arange(len(shift)) + shift)
