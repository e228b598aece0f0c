"""Portions as rows of one shape: Arrow's record batches.

A wide table has a column for each metric, a long one a row for each value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from robometrics import __version__
from robometrics.errors import RetryLaterError
from robometrics.queries.selection import Selected
from robometrics.tables.asked import Asked
from robometrics.tables.reading import Cells, Portion
from robometrics.tables.settling import Measured

TEXT = pa.dictionary(pa.int32(), pa.string())
TIME = pa.timestamp("ns", "UTC")
_STEP = ("mean", "min", "max")
_LABELS = ("host", "kind", "process", "gpu", "run", "generation", "time")
_EXACT_MAX = 2.0**53


class Wide:
    """A column for each metric; of steps three, as ``cpu_percent.max``."""

    def __init__(
        self, asked: Asked, measured: Sequence[Measured], query: str = ""
    ) -> None:
        """Settle the schema; *query* is noted in it."""
        self._measured = measured
        suffixes = ("",) if asked.is_raw else tuple(f".{name}" for name in _STEP)
        fields = [
            pa.field(
                _column(each.selected.name) + suffix,
                pa.int64() if each.is_integer else pa.float64(),
                metadata={"unit": each.selected.unit, "kind": _kind(each.selected)},
            )
            for each in measured
            for suffix in suffixes
        ]
        self._suffixes = suffixes
        self.schema = _schema(asked, fields, query)

    def batch(self, portion: Portion) -> pa.RecordBatch:
        """Return *portion* as rows.

        Raises:
            RetryLaterError: Late samples have changed what a metric is made of.
        """
        columns = []
        for each in self._measured:
            cells = portion.metrics.get(each.selected)
            if cells is None:
                kind = pa.int64() if each.is_integer else pa.float64()
                columns += [pa.nulls(len(portion.time_ns), kind)] * len(self._suffixes)
            else:
                columns += [_numbers(one, each) for one in cells]
        labels = _labels(portion, portion.time_ns)
        return pa.record_batch([*labels, *columns], schema=self.schema)


class Long:
    """A row for each value, so that no metric need be known before it is read."""

    def __init__(self, asked: Asked, query: str = "") -> None:
        """Settle the schema; *query* is noted in it."""
        fields = [pa.field("metric", TEXT), pa.field("unit", TEXT)]
        if asked.is_raw:
            # Of both kinds, so that integers stay exact beside floats.
            fields += [pa.field("value", pa.float64()), pa.field("integer", pa.int64())]
        else:
            fields += [pa.field(name, pa.float64()) for name in _STEP]
        self.schema = _schema(asked, fields, query)

    def batch(self, portion: Portion) -> pa.RecordBatch:
        """Return *portion* as rows, metric by metric."""
        names: list[pa.Array] = []
        parts: list[pa.RecordBatch] = []
        for metric, cells in portion.metrics.items():
            there = cells[0].there
            time_ns = portion.time_ns[there]
            names = [_text(metric.name, len(time_ns)), _text(metric.unit, len(time_ns))]
            chosen = [Cells(each.values[there], each.there[there]) for each in cells]
            columns = [*_labels(portion, time_ns), *names, *_values(chosen)]
            parts.append(pa.record_batch(columns, schema=self.schema))
        whole = pa.Table.from_batches(parts, self.schema).combine_chunks()
        [batch] = whole.to_batches() or [_empty(self.schema)]
        return batch


def _column(name: str) -> str:
    """Return what the column of a metric is called; no name of a metric has a dot."""
    return f"metric.{name}" if name in _LABELS else name


def _schema(asked: Asked, fields: Sequence[pa.Field], query: str) -> pa.Schema:
    labels = [pa.field(name, TEXT) for name in ("host", "kind", "process")]
    labels.append(pa.field("gpu", pa.int32()))
    if asked.is_raw:
        labels += [pa.field("run", TEXT), pa.field("generation", pa.int32())]
    labels.append(pa.field("time", TIME))
    note = {
        "version": __version__,
        "query": query,
        "resolution": asked.resolution,
        "from_ns": asked.span.start_ns,
        "to_ns": asked.span.stop_ns,
    }
    return pa.schema([*labels, *fields], metadata={"robometrics": json.dumps(note)})


def _labels(portion: Portion, time_ns: Any) -> list[pa.Array]:
    """Return the columns that say whose rows they are, and when."""
    series, size = portion.series, len(time_ns)
    columns = [_text(text, size) for text in (series.host, series.kind, series.process)]
    columns.append(pa.repeat(pa.scalar(series.gpu, pa.int32()), size))
    if portion.run is not None:
        columns.append(_text(portion.run, size))
        columns.append(pa.repeat(pa.scalar(portion.generation, pa.int32()), size))
    columns.append(pa.array(time_ns, pa.int64()).view(TIME))
    return columns


def _text(text: str | None, size: int) -> pa.Array:
    if text is None:
        return pa.nulls(size, TEXT)
    return pa.DictionaryArray.from_arrays(np.zeros(size, np.int32), [text])


def _numbers(cells: Cells, measured: Measured) -> pa.Array:
    values = cells.values
    if not measured.is_integer:
        values = values.astype(np.float64, copy=False)
    elif values.dtype != np.int64:
        if np.any((values != np.rint(values)) | (np.abs(values) >= _EXACT_MAX)):
            raise RetryLaterError(
                f"samples of {measured.selected.name} came late, and are no integers "
                "as all before: ask again"
            )
        values = values.astype(np.int64)
    return pa.array(values, mask=~cells.there)


def _values(cells: Sequence[Cells]) -> list[pa.Array]:
    """Return the columns of a long table: all *cells* have a value."""
    if len(cells) > 1:
        return [pa.array(each.values, mask=~each.there) for each in cells]
    [only] = cells
    value = pa.array(only.values.astype(np.float64))
    if only.values.dtype == np.int64:
        return [value, pa.array(only.values)]
    return [value, pa.nulls(len(value), pa.int64())]


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


def _kind(metric: Selected) -> str:
    if metric.is_rate:
        return "rate"
    return "counter" if metric.is_counter else "gauge"
