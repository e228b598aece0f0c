"""Batches, made of a strip again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from robometrics.schema import AnyBatch, GpuBatch, HostBatch, Previous, ProcessBatch
from robometrics.store.keys import Series
from robometrics.store.strips import ABSENT, Column, Ints, Label, Strip


def batches_of(
    strip: Strip, series: Series, run: str, generation: int
) -> Iterator[AnyBatch]:
    """Yield the batches of *strip*, by slot."""
    offsets = _rows(strip.offset_ns, strip.counts)
    columns = [
        (key, _cells(column, strip.counts)) for key, column in strip.columns.items()
    ]
    counters = _counters(strip)
    for row, (slot, interval_ns, before_ns, label) in enumerate(
        zip(
            strip.slots.tolist(),
            strip.interval_ns.tolist(),
            strip.before_ns.tolist(),
            strip.label_of.tolist(),
            strict=True,
        )
    ):
        previous = None
        if before_ns:
            previous = Previous(offset_ns=before_ns, counters=counters[row])
        yield _batch(
            series,
            strip.labels[label],
            host=series.host,
            run=run,
            generation=generation,
            slot=slot,
            interval_ns=interval_ns,
            offset_ns=offsets[row],
            metrics={
                key: found
                for key, cells in columns
                if (found := cells[row]) is not None
            },
            previous=previous,
        )


def _batch(series: Series, label: Label, **common: Any) -> AnyBatch:
    if series.kind == "process":
        return ProcessBatch(process=series.name, pid=label.pid, **common)
    if series.kind == "gpu":
        return GpuBatch(
            index=int(series.name), uuid=label.uuid, model=label.model, **common
        )
    return HostBatch(**common)


def _cells(column: Column, counts: Ints) -> list[list[Any] | None]:
    """Return the column of each batch, ``None`` where it has none."""
    values: Any = column.values
    if not column.present.all():
        values = np.where(column.present, values.astype(object), None)
    rows: list[list[Any] | None] = _rows(values, column.lengths(counts))
    for row in np.flatnonzero(column.forms == ABSENT).tolist():
        rows[row] = None
    return rows


def _rows(values: Any, lengths: Ints) -> list[Any]:
    """Return the values of each row, which lie end to end."""
    flat = values.tolist()
    ends = np.cumsum(lengths)
    return [
        flat[start:stop]
        for start, stop in zip((ends - lengths).tolist(), ends.tolist(), strict=True)
    ]


def _counters(strip: Strip) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{} for _ in range(len(strip))]
    for key, column in strip.columns.items():
        before = column.before.tolist()
        for row in np.flatnonzero(column.chained).tolist():
            found[row][key] = before[row]
    return found
