"""OTLP metrics over HTTP: each source is a resource, each series a data point's own.

A metric has our own name behind ``robometrics.``, and its unit in UCUM. A unit of
``1`` would make collectors append ``_ratio``, so what is counted is annotated instead.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from robometrics import __version__, metrics
from robometrics.consumers.export.sources import Reading, Source, names_of, part_of
from robometrics.schema import GpuBatch, ProcessBatch

UCUM = {
    "nanoseconds": "ns",
    "bytes": "By",
    "percent": "%",
    "watts": "W",
    "millijoules": "mJ",
    "volts": "V",
    "hertz": "Hz",
    "celsius": "Cel",
    "parts per billion": "[ppb]",
    "dBm": "{dBm}",
    "count": "{count}",
    "flag": "{flag}",
    "level": "{level}",
    "cores": "{core}",
    "processes": "{process}",
    "revolutions per minute": "{revolution}/min",
    "": "",
}
"""By the catalogue's units."""

_RESOURCE = "resource"


class Otlp:
    """Writes readings down as OTLP."""

    takes_late: ClassVar[bool] = True
    headers: ClassVar[Mapping[str, str]] = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "gzip",
    }

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    def encode(self, readings: Sequence[Reading]) -> bytes:
        by_source: dict[Source, list[Reading]] = {}
        for reading in readings:
            by_source.setdefault(reading.source, []).append(reading)
        request = ExportMetricsServiceRequest()
        for source, its in by_source.items():
            request.resource_metrics.append(self._of_source(source, its))
        return gzip.compress(request.SerializeToString(), compresslevel=1)

    def rejected(self, answer: bytes) -> tuple[int, str]:
        """Return how many data points an answer says were not taken, and why."""
        try:
            success = ExportMetricsServiceResponse.FromString(answer).partial_success
        except DecodeError:
            return 0, ""  # it said 200
        return success.rejected_data_points, success.error_message

    def _of_source(
        self, source: Source, readings: Sequence[Reading]
    ) -> ResourceMetrics:
        written = ResourceMetrics(resource=self._resource(source))
        scope = written.scope_metrics.add()
        scope.scope.name, scope.scope.version = "robometrics", __version__
        found: dict[str, tuple[Any, bool]] = {}
        for _, at_ns, values in readings:
            for key, value in values.items():
                name, instance = metrics.split_key(key)
                if name not in found:
                    found[name] = _add_metric(scope, name)
                points, is_counter = found[name]
                point = points.add(time_unix_nano=at_ns)
                if isinstance(value, int):
                    point.as_int = value
                else:
                    point.as_double = value
                if is_counter:
                    point.start_time_unix_nano = _start_ns(source, key, at_ns)
                if instance:
                    point.attributes.append(_text("part", part_of(instance)))
        return written

    def _resource(self, source: Source) -> Resource:
        known: Resource | None = source.written.get(_RESOURCE)
        if known is None:
            known = Resource(attributes=self._attributes(source))
            source.written[_RESOURCE] = known
        return known

    def _attributes(self, source: Source) -> list[KeyValue]:
        batch = source.batch
        found = [_text("host.name", batch.host)]
        found += [
            _text(f"robometrics.{name}", value)
            for name, value in names_of(batch)
            if name != "host"
        ]
        if isinstance(batch, ProcessBatch):
            found += [
                _text("service.name", batch.process),
                _text("service.instance.id", batch.run),
            ]
            found.append(KeyValue(key="process.pid"))
            found[-1].value.int_value = batch.pid
        elif isinstance(batch, GpuBatch):
            about = {"hw.id": batch.uuid, "hw.name": batch.model}
            found += [_text(name, value) for name, value in about.items() if value]
        found += [
            _text(f"robometrics.tag.{key}", tag) for key, tag in source.tags.items()
        ]
        return found + [_text(name, value) for name, value in self._labels.items()]


def _add_metric(scope: ScopeMetrics, name: str) -> tuple[Any, bool]:
    """Add a metric to *scope*; return its points, and whether it is a counter."""
    about = metrics.describe(name)
    metric = scope.metrics.add(
        name=f"robometrics.{name}",
        unit=UCUM[about.unit],
        description=about.description,
    )
    if about.kind == "gauge":
        return metric.gauge.data_points, False
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.sum.is_monotonic = True
    return metric.sum.data_points, True


def _start_ns(source: Source, key: str, at_ns: int) -> int:
    """Return where a counter began to count; 0 if nobody knows."""
    restart_ns = source.restarts_ns.get(key, 0)
    return restart_ns if 0 < restart_ns <= at_ns else source.started_at_ns


def _text(key: str, value: str) -> KeyValue:
    found = KeyValue(key=key)
    found.value.string_value = value
    return found
