"""What is exported as OTLP, as a strict receiver decodes it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from builders import gpu_batch, host_batch
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from waiting import eventually

from robometrics.broker import Link
from robometrics.consumers.export.otlp import UCUM, Otlp
from robometrics.consumers.export.sources import Reading, Source
from robometrics.metrics import METRICS, describe
from robometrics.schema import Previous
from robometrics.store import Store

from .consuming import running
from .exporting import NS, Make, add_durables, batches, first_slot, put, register
from .receivers import OtlpServer, mistakes_in


def number(point: Any) -> tuple[int, int, float]:
    value = getattr(point, point.WhichOneof("value"))
    return point.start_time_unix_nano, point.time_unix_nano, value


async def test_a_process_is_a_resource_with_counters_and_gauges(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    slot = first_slot()
    sent = batches(range(slot, slot + 20))
    started_ns = (slot - 100) * NS
    await register(store, sent[0], tags={"team": "nav"}, started_at_ns=started_ns)
    [exporter] = exporters(export_otlp_url=otlp.url, export_labels=("site.name=x",))
    await add_durables(link, exporter)
    await put(link, *sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed == len(sent))

    resource = {
        "host.name": "robot",
        "robometrics.kind": "process",
        "robometrics.process": "planner",
        "service.name": "planner",
        "service.instance.id": "ab12cd34-42-777",
        "process.pid": 42,
        "robometrics.tag.team": "nav",
        "site.name": "x",
    }
    counters = otlp.points("robometrics.cpu_time_ns")
    assert [(resource, {}, (started_ns, at * NS, at)) for at in (slot, slot + 10)] == [
        (found, own, number(point)) for found, own, point in counters
    ]
    gauges = otlp.points("robometrics.thread_count")
    assert [(0, at * NS, at % 7) for at in (slot, slot + 10)] == [
        number(point) for _, _, point in gauges
    ]
    [metric] = {
        (metric.name, metric.unit)
        for request in otlp.taken
        for found in request.resource_metrics
        for metric in found.scope_metrics[0].metrics
        if metric.HasField("sum")
    }
    assert ("robometrics.cpu_time_ns", "ns") == metric


async def test_hosts_gpus_and_parts_say_what_they_are(
    link: Link, otlp: OtlpServer, exporters: Make
) -> None:
    slot = first_slot()
    disks = {"disk_reads_total:=2Fdev=2Fsda": [5], "disk_reads_total": [7]}
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, host_batch(slot=slot, metrics=disks), gpu_batch(slot=slot))

    async with running(exporter):
        await eventually(lambda: exporter.absorbed == 2)

    host = {"host.name": "robot", "robometrics.kind": "host"}
    found = otlp.points("robometrics.disk_reads_total")
    assert [(host, {"part": "/dev/sda"}, 5), (host, {}, 7)] == [
        (resource, own, point.as_int) for resource, own, point in found
    ]
    [(resource, _, _)] = otlp.points("robometrics.gpu_utilization_percent")
    assert {
        "host.name": "robot",
        "robometrics.kind": "gpu",
        "robometrics.gpu": "0",
        "hw.id": "GPU-1",
        "hw.name": "Stand-in",
    } == resource


async def test_a_counter_that_falls_begins_anew(
    link: Link, otlp: OtlpServer, exporters: Make
) -> None:
    """A driver that is loaded again counts from zero, in the same boot of the host."""
    slot = first_slot()
    key = "gpu_energy_millijoules_total"
    before = gpu_batch(slot=slot, metrics={key: [900]})
    after = gpu_batch(
        slot=slot + 10,
        metrics={key: [5]},
        previous=Previous(offset_ns=-NS, counters={key: 950}),
    )
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, before, after)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed == 2)

    found = otlp.points(f"robometrics.{key}")
    assert [(0, slot * NS, 900), ((slot + 9) * NS, (slot + 10) * NS, 5)] == [
        number(point) for _, _, point in found
    ]


def test_every_unit_of_the_catalogue_has_its_word_in_ucum() -> None:
    assert set() == {metric.unit for metric in METRICS.values()} - UCUM.keys()


def test_a_metric_of_a_newer_worker_is_encoded_too() -> None:
    assert "" == UCUM[describe("warp_factor").unit]


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,20}(:[A-Za-z0-9_=-]{1,9})?", fullmatch=True),
        st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, width=64),
        min_size=1,
    )
)
def test_any_reading_keeps_the_specification(values: dict[str, int | float]) -> None:
    import gzip  # noqa: PLC0415  only here

    body = Otlp({}).encode([Reading(Source(host_batch()), NS, values)])

    request = ExportMetricsServiceRequest.FromString(gzip.decompress(body))
    assert [] == list(mistakes_in(request))
    assert len(values) == sum(
        len(metric.sum.data_points) + len(metric.gauge.data_points)
        for metric in request.resource_metrics[0].scope_metrics[0].metrics
    )


@pytest.mark.parametrize("missing", ["httpx", "cramjam", "opentelemetry"])
def test_a_missing_library_is_named_with_its_extra(missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
from robometrics.consumers.export.options import make_exporters
from robometrics.settings import ServerSettings
settings = ServerSettings(roles=("export",), export_otlp_url="http://h/v1/metrics")
make_exporters(settings, None, None)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "SettingsError: role export needs" in done.stderr
    assert "pip install 'roborregos-metrics[export]'" in done.stderr
