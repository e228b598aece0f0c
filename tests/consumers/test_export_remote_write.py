"""A real Prometheus takes what is exported, and gives it back."""

from __future__ import annotations

from pathlib import Path

from builders import gpu_batch, host_batch
from waiting import eventually

from robometrics.broker import Link
from robometrics.store import Store

from .consuming import running
from .exporting import Make, add_durables, batches, first_slot, put, register
from .receivers import PrometheusServer


async def test_prometheus_has_each_step_with_labels_and_values(
    link: Link, store: Store, prom: PrometheusServer, exporters: Make
) -> None:
    slot = first_slot()
    sent = batches(range(slot, slot + 30))
    await register(store, sent[0], tags={"team": "nav"})
    [exporter] = exporters(
        export_remote_write_url=prom.write_url, export_labels=("site=Köln",)
    )
    await add_durables(link, exporter)
    await put(link, *sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed == len(sent))

    labels = {
        "__name__": "cpu_time_ns",
        "host": "robot",
        "kind": "process",
        "process": "planner",
        "site": "Köln",
        "tag_team": "nav",
    }
    assert [(labels, [(at, at) for at in range(slot, slot + 30, 10)])] == prom.samples(
        "cpu_time_ns", slot + 60
    )
    assert (6, {"out_of_order": 0, "refused": 0}) == (
        exporter.counts.sent_points,
        exporter.counts.refused_points,
    )


async def test_every_sample_goes_out_when_there_are_no_steps(
    link: Link, store: Store, prom: PrometheusServer, exporters: Make
) -> None:
    slot = first_slot()
    column = {"cpu_time_ns": [1, 2, 3, 4], "open_file_count": [9]}
    half_ms = 500_000
    offsets = [0, half_ms, 250_000_000, 500_000_000]
    sent = batches([slot], metrics=column, offset_ns=offsets)
    await register(store, sent[0])
    [exporter] = exporters(
        export_remote_write_url=prom.write_url, export_step_seconds=0
    )
    await add_durables(link, exporter)
    await put(link, *sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed)

    [(_, values)] = prom.samples("cpu_time_ns", slot + 60)
    # Of two samples in one millisecond, the later one.
    assert [(slot, 2), (slot + 0.25, 3), (slot + 0.5, 4)] == values
    [(_, values)] = prom.samples("open_file_count", slot + 60)
    assert [(slot + 0.5, 9)] == values


async def test_parts_and_gpus_are_told_apart_by_labels(
    link: Link, prom: PrometheusServer, exporters: Make
) -> None:
    slot = first_slot()
    disks = {"disk_reads_total:=2Fdev=2Fsda": [5], "disk_reads_total": [7]}
    [exporter] = exporters(export_remote_write_url=prom.write_url)
    await add_durables(link, exporter)
    await put(link, host_batch(slot=slot, metrics=disks), gpu_batch(slot=slot))

    async with running(exporter):
        await eventually(lambda: exporter.absorbed == 2)

    host = {"__name__": "disk_reads_total", "host": "robot", "kind": "host"}
    assert [
        (host, [(slot, 7)]),
        (host | {"part": "/dev/sda"}, [(slot, 5)]),
    ] == prom.samples("disk_reads_total", slot + 60)
    [(labels, _)] = prom.samples("gpu_memory_used_bytes", slot + 60)
    assert ("gpu", "0") == (labels["kind"], labels["gpu"])


async def test_only_wanted_metrics_go_out(
    link: Link, prom: PrometheusServer, exporters: Make
) -> None:
    slot = first_slot()
    columns = {"load_1m": [1], "load_5m": [2], "cpu_time_ns": [3]}
    [exporter] = exporters(
        export_remote_write_url=prom.write_url,
        export_include=("load_*",),
        export_exclude=("*_5m",),
    )
    await add_durables(link, exporter)
    await put(link, host_batch(slot=slot, metrics=columns))

    async with running(exporter):
        await eventually(lambda: exporter.absorbed)

    [(labels, _)] = prom.samples('{host="robot"}', slot + 60)
    assert "load_1m" == labels["__name__"]


async def test_what_comes_late_is_refused_and_counted_and_costs_nothing_else(
    link: Link, store: Store, prom: PrometheusServer, exporters: Make
) -> None:
    """Prometheus takes nothing of a request in which one sample is out of order."""
    slot = first_slot()
    [early, late] = batches(range(slot, slot + 20, 10))
    other = batches([slot], process="mapper", run="ab12cd34-43-778", pid=43)
    await register(store, early)
    await register(store, other[0])
    [exporter] = exporters(export_remote_write_url=prom.write_url)
    await add_durables(link, exporter)

    async with running(exporter):
        await put(link, late)
        await eventually(lambda: exporter.absorbed == 1)
        await put(link, early, *other)
        await eventually(lambda: exporter.absorbed == 3)

    found = prom.samples("cpu_time_ns", slot + 60)
    assert [("mapper", [(slot, slot)]), ("planner", [(slot + 10, slot + 10)])] == [
        (labels["process"], values) for labels, values in found
    ]
    assert (4, {"out_of_order": 2, "refused": 0}) == (
        exporter.counts.sent_points,
        exporter.counts.refused_points,
    )


async def test_a_prometheus_that_takes_late_samples_gets_them(
    link: Link, store: Store, tmp_path: Path, exporters: Make
) -> None:
    """As docs/exporters.md tells to set it up."""
    prom = PrometheusServer(tmp_path / "prometheus")
    prom.config = "storage: {tsdb: {out_of_order_time_window: 6h}}"
    prom.start()
    slot = first_slot()
    sent = batches(range(slot, slot + 60, 10))
    await register(store, sent[0])
    [exporter] = exporters(export_remote_write_url=prom.write_url)
    await add_durables(link, exporter)

    async with running(exporter):
        await put(link, sent[-1])
        await eventually(lambda: exporter.absorbed == 1)
        await put(link, *sent[:-1])
        await eventually(lambda: exporter.absorbed == 6)

    assert 0 == exporter.counts.refused_points.total()
    [(_, values)] = prom.samples("cpu_time_ns", slot + 90)
    assert [(at, at) for at in range(slot, slot + 60, 10)] == values
    prom.stop()


async def test_a_new_exporter_finds_out_what_of_a_request_is_refused(
    link: Link, store: Store, prom: PrometheusServer, exporters: Make
) -> None:
    """It does not know what the one before it sent; what is new arrives."""
    slot = first_slot()
    sent = batches(range(slot, slot + 60, 10))
    await register(store, sent[0])
    [first] = exporters(export_remote_write_url=prom.write_url)
    await add_durables(link, first)
    await put(link, *sent[3:4])
    async with running(first):
        await eventually(lambda: first.absorbed == 1)

    [second] = exporters(export_remote_write_url=prom.write_url)
    await put(link, *sent)
    async with running(second):
        await eventually(lambda: second.absorbed == 6)

    [(_, values)] = prom.samples("cpu_time_ns", slot + 90)
    assert [(at, at) for at in range(slot + 30, slot + 60, 10)] == values
    # The one that Prometheus has is no mistake: it is the same.
    assert (6, 6) == (
        second.counts.sent_points,
        second.counts.refused_points["out_of_order"],
    )
