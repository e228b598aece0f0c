"""Rows as bytes of a file that is never whole in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from robometrics.tables.asked import Format, TimeForm
from robometrics.tables.reading import Portion

_CELLS_MAX = 1_000_000
"""In one row group or record batch."""

_PIECE_BYTES = 1 << 20
_FORMULA = r"^([=+\-@\t\r])"
"""What a spreadsheet would take for more than text."""


class Shape(Protocol):
    """What makes rows of portions; ``rows`` has two."""

    schema: pa.Schema

    def batch(self, portion: Portion) -> pa.RecordBatch: ...


class Encoder:
    """Makes one file. Each call takes milliseconds: call it in a thread."""

    def __init__(
        self, shape: Shape, wanted: Format, time_form: TimeForm = "iso"
    ) -> None:
        """Begin a file.

        Args:
            shape: Of the rows.
            wanted: Of the file.
            time_form: How CSV says times; other formats have a type for them.
        """
        self._shape = shape
        self._sink = _Sink()
        self._writer = _WRITERS[wanted](self._sink, shape.schema, time_form)
        self._rows_max = max(1, _CELLS_MAX // len(shape.schema))
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, found: Iterable[Portion]) -> Iterator[bytes]:
        """Write *found*; yield what of the file is ready."""
        for portion in found:
            batch = self._shape.batch(portion)
            start = 0
            while start < batch.num_rows:
                part = batch.slice(start, self._rows_max - self._rows)
                self._pending.append(part)
                self._rows += part.num_rows
                start += part.num_rows
                if self._rows == self._rows_max:
                    self._flush()
                    yield from self._sink.take()

    def finish(self) -> Iterator[bytes]:
        """End the file; yield the rest of it."""
        if self._rows:
            self._flush()
        self._writer.close()
        yield from self._sink.take()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._pending, self._shape.schema)
        self._pending, self._rows = [], 0
        self._writer.write_table(table.combine_chunks())


class _Sink:
    """A file for pyarrow, whose content is taken away as it grows."""

    closed = False

    def __init__(self) -> None:
        self._content = bytearray()
        self._taken = 0

    def write(self, data: Any) -> int:
        self._content += data
        return len(data)

    def tell(self) -> int:
        return self._taken + len(self._content)

    def take(self) -> Iterator[bytes]:
        content, self._content = self._content, bytearray()
        self._taken += len(content)
        for start in range(0, len(content), _PIECE_BYTES):
            yield bytes(content[start : start + _PIECE_BYTES])

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


class _Csv:
    """CSV: text quoted, numbers plain, nothing for null."""

    def __init__(self, sink: _Sink, schema: pa.Schema, time_form: TimeForm) -> None:
        self._time = pa.int64() if time_form == "epoch_ns" else pa.string()
        self._schema = pa.schema(
            [pa.field(field.name, self._plain(field.type)) for field in schema]
        )
        self._writer = pyarrow.csv.CSVWriter(sink, self._schema)

    def write_table(self, table: pa.Table) -> None:
        columns = [self._column(column) for column in table.columns]
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()

    def _plain(self, kind: pa.DataType) -> pa.DataType:
        if pa.types.is_dictionary(kind):
            return pa.string()
        return self._time if pa.types.is_timestamp(kind) else kind

    def _column(self, column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        if pa.types.is_timestamp(column.type):
            time_ns = column.cast(pa.int64())
            if self._time == pa.int64():
                return time_ns
            moments = time_ns.to_numpy().view("datetime64[ns]")
            return pa.array(np.datetime_as_string(moments, timezone="UTC"))
        if pa.types.is_dictionary(column.type):
            return pa.chunked_array(
                [_harmless(chunk) for chunk in column.chunks], pa.string()
            )
        return column


def _harmless(text: pa.DictionaryArray) -> pa.Array:
    """Return *text* so that no spreadsheet takes a name for a formula.

    Names come from programs; an apostrophe before one makes it text.
    """
    names = pc.replace_substring_regex(text.dictionary, _FORMULA, r"'\1")
    return pa.DictionaryArray.from_arrays(text.indices, names).cast(pa.string())


def _parquet(sink: _Sink, schema: pa.Schema, _: TimeForm) -> Any:
    integers = {
        field.name: "DELTA_BINARY_PACKED"
        for field in schema
        if pa.types.is_int64(field.type) or pa.types.is_timestamp(field.type)
    }
    texts = [f.name for f in schema if pa.types.is_dictionary(f.type)]
    return pyarrow.parquet.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=texts,
        column_encoding=integers,
    )


def _arrow(sink: _Sink, schema: pa.Schema, _: TimeForm) -> Any:
    return pa.ipc.new_stream(sink, schema)


_WRITERS: dict[Format, Any] = {"csv": _Csv, "parquet": _parquet, "arrow": _arrow}
