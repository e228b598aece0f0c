"""The values of many batches as a few long arrays, so that numpy takes them at once.

Values of one run, page and metric lie together, by time: a column. There is a stream
of columns for integers and one for floats, of gauges and of counters. Python touches a
column as a whole; what looks at each value is only for columns with missing ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from itertools import chain

import msgspec

from robometrics import metrics
from robometrics.schema import AnyBatch, Value
from robometrics.store.rollups.groups import Group

Counters = dict[str, int]
_NONE: Counters = {}


class Stream(msgspec.Struct):
    """Columns of one kind and type."""

    is_gauge: bool
    values: array[int] | array[float]
    sizes: list[int] = []
    """Values in each column."""

    names: list[tuple[int, str]] = []
    """Group and metric of each column."""

    sketched: list[bool] = []
    """Whether quantiles are kept of each column."""

    pieces_at: list[int] = []
    """Which sample the values are of: the first of neighbours, and how many."""

    pieces_sizes: list[int] = []
    before: list[int | None] = []
    """Of a counter: its value before each batch that has values, if known."""


class Columns:
    """The batches of some groups, turned into streams."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.batch_slots: list[int] = []
        self.batch_sizes: list[int] = []
        """Samples in each batch."""

        self.offset_ns: array[int] = array("q")
        """Of each sample, in its slot."""

        self.before_ns: list[int] = []
        """When the sample before each batch was taken, relative to its slot."""

        self.streams = {
            (is_gauge, code): Stream(is_gauge=is_gauge, values=array(code))
            for is_gauge in (True, False)
            for code in ("q", "d")
        }
        for number, group in enumerate(groups):
            self._add(number, group.batches)

    def _add(self, number: int, batches: list[AnyBatch]) -> None:
        base = len(self.offset_ns)
        firsts: list[int] = []
        lasts: list[int] = []
        counters: list[Counters] = []
        for batch in batches:
            firsts.append(len(self.offset_ns))
            self.offset_ns.extend(batch.offset_ns)
            lasts.append(len(self.offset_ns) - 1)
            self.batch_slots.append(batch.slot)
            self.batch_sizes.append(len(batch.offset_ns))
            previous = batch.previous
            self.before_ns.append(previous.offset_ns if previous else 0)
            counters.append(previous.counters if previous else _NONE)
        samples = len(self.offset_ns) - base
        by_metric = [batch.metrics for batch in batches]
        keys: Collection[str] = by_metric[0].keys()
        if not all(each.keys() == keys for each in by_metric):
            keys = dict.fromkeys(chain.from_iterable(by_metric))
        for key in keys:
            described = metrics.describe(key)
            is_gauge = described.kind == "gauge"
            columns = [each.get(key, ()) for each in by_metric]
            values = list(chain.from_iterable(columns))
            if len(values) == samples:
                at, sizes = [base], [samples]
            elif len(values) == len(batches) and all(columns):
                at, sizes = lasts, [1] * len(lasts)
            else:
                at, sizes = [], []
            known = _typed(values) if at else None
            befores = counters
            if known is None:
                at, values, befores = _present(columns, firsts, lasts, counters)
                sizes = [1] * len(at)
                known = _typed(values)
                if not values or known is None:
                    continue
            stream = self.streams[is_gauge, known.typecode]
            stream.values += known  # type: ignore[operator]  # of its own type
            stream.sizes.append(len(known))
            stream.names.append((number, key))
            stream.sketched.append(described.sketch)
            stream.pieces_at += at
            stream.pieces_sizes += sizes
            if not is_gauge:
                stream.before += [each.get(key) for each in befores]


def _typed(values: Sequence[Value]) -> array[int] | array[float] | None:
    """Return *values* as an array; ``None`` if some are missing."""
    try:
        return array("q", values)  # type: ignore[type-var, return-value]
    except TypeError:
        try:
            return array("d", values)  # type: ignore[type-var, return-value]
        except TypeError:
            return None


def _present(
    columns: Sequence[Sequence[Value]],
    firsts: list[int],
    lasts: list[int],
    counters: list[Counters],
) -> tuple[list[int], list[Value], list[Counters]]:
    """Return sample and value of all that are there, and what was before each batch
    that has some.
    """  # noqa: D205
    at: list[int] = []
    values: list[Value] = []
    befores: list[Counters] = []
    for column, first, last, before in zip(
        columns, firsts, lasts, counters, strict=True
    ):
        found = len(values)
        samples = range(first, last + 1) if len(column) > 1 else (last,)
        for sample, value in zip(samples, column, strict=False):
            if value is not None:
                at.append(sample)
                values.append(value)
        if len(values) > found:
            befores.append(before)
    return at, values, befores
