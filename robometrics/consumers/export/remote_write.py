"""Prometheus remote write 1.0: series by their labels, samples by the millisecond.

Its four messages are small, so protobuf is told of them here, as data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import cramjam
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from robometrics import metrics
from robometrics.consumers.export.sources import Reading, Source, names_of, part_of

_PACKAGE = "prometheus"
_MESSAGES: dict[str, tuple[tuple[int, str, str], ...]] = {
    "WriteRequest": ((1, "timeseries", "TimeSeries"),),
    "TimeSeries": ((1, "labels", "Label"), (2, "samples", "Sample")),
    "Label": ((1, "name", "string"), (2, "value", "string")),
    "Sample": ((1, "value", "double"), (2, "timestamp", "int64")),
}
"""By name: number, name and type of each field; messages in messages are repeated."""

_SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
}
_NS_PER_MS = 1_000_000
_WRITTEN_MAX = 4_096  # of one source, whose threads and interfaces come and go


def _message_class(name: str) -> Any:
    return GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _describe() -> FileDescriptorProto:
    file = FileDescriptorProto(
        name="robometrics/remote_write.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            added = message.field.add(name=field, number=number)
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
                added.label = FieldDescriptorProto.LABEL_OPTIONAL
            else:
                added.type_name = f".{_PACKAGE}.{kind}"
                added.type = FieldDescriptorProto.TYPE_MESSAGE
                added.label = FieldDescriptorProto.LABEL_REPEATED
    return file


_pool = DescriptorPool()
_pool.AddSerializedFile(_describe().SerializeToString())
WriteRequest = _message_class("WriteRequest")
TimeSeries = _message_class("TimeSeries")


class RemoteWrite:
    """Writes readings down as a ``WriteRequest``."""

    takes_late: ClassVar[bool] = False
    headers: ClassVar[Mapping[str, str]] = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = {
            re.sub(r"[^a-zA-Z0-9_]", "_", name): value for name, value in labels.items()
        }

    def encode(self, readings: Sequence[Reading]) -> bytes:
        """Return *readings*, which are in order, as a request's body."""
        series: dict[bytes, dict[int, float]] = {}
        for source, at_ns, values in readings:
            for key, value in values.items():
                # Two values in one millisecond are refused: the later one stays.
                samples = series.setdefault(self._labels_of(source, key), {})
                samples[at_ns // _NS_PER_MS] = value
        request = WriteRequest()
        for labels, samples in series.items():
            added = request.timeseries.add()
            added.MergeFromString(labels)
            for at_ms, value in samples.items():
                added.samples.add(value=value, timestamp=at_ms)
        return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))

    def rejected(self, _: bytes) -> tuple[int, str]:
        return 0, ""  # an answer of 2xx means that all was taken

    def _labels_of(self, source: Source, key: str) -> bytes:
        known: bytes | None = source.written.get(key)
        if known is None:
            name, instance = metrics.split_key(key)
            labels = {
                **self._labels,
                **{f"tag_{tag}": value for tag, value in source.tags.items()},
                **dict(names_of(source.batch)),
                "__name__": name,
            }
            if instance:
                labels["part"] = part_of(instance)
            pairs = [{"name": each, "value": labels[each]} for each in sorted(labels)]
            known = TimeSeries(labels=pairs).SerializeToString()
            if len(source.written) > _WRITTEN_MAX:
                source.written.clear()
            source.written[key] = known
        return known
