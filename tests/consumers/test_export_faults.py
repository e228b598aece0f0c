"""Targets that are away, busy, or refuse; exporters that are killed; and the others."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import anyio
import pytest
from servers import MongoServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, Puller
from robometrics.consumers.export import exporter as module
from robometrics.consumers.export.options import make_exporters
from robometrics.consumers.persist import persist
from robometrics.settings import ServerSettings
from robometrics.store import Store

from .consuming import running
from .exporting import (
    MAX_AGE_SECONDS,
    NS,
    Make,
    add_durables,
    batches,
    change_durable,
    first_slot,
    put,
    register,
)
from .receivers import Answer, OtlpServer, PrometheusServer, partial

SUBJECT = subjects.process_samples("robot", "planner")
CPU = "robometrics.cpu_time_ns"


async def test_nothing_is_lost_while_a_target_is_away_and_persist_goes_on(
    link: Link, store: Store, prom: PrometheusServer, exporters: Make
) -> None:
    slot = first_slot()
    sent = batches(range(slot, slot + 50, 10))
    await register(store, sent[0])
    [exporter] = exporters(export_remote_write_url=prom.write_url)
    keeper = persist(link, store, fetch_batches=100)
    await add_durables(link, exporter)

    async with running(exporter, keeper):
        await put(link, sent[0])
        await eventually(lambda: exporter.absorbed == 1)
        prom.kill()
        await put(link, *sent[1:])
        await eventually(lambda: exporter.counts.failed_requests)
        assert "is away" in exporter.problem

        await eventually(lambda: keeper.absorbed == len(sent))
        assert "" == keeper.problem
        assert 1 == exporter.absorbed

        prom.start()
        await eventually(lambda: exporter.absorbed == len(sent))
        assert "" == exporter.problem

    [(_, values)] = prom.samples("cpu_time_ns", slot + 90)
    assert [(at, at) for at in range(slot, slot + 50, 10)] == values
    assert 0 == exporter.counts.refused_points.total()


async def test_a_killed_exporter_leaves_what_it_held_to_the_next(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    slot = first_slot()
    sent = batches(range(slot, slot + 30, 10))
    await register(store, sent[0])
    otlp.answers = [Answer(503)] * 1_000
    [killed, successor] = (exporters(export_otlp_url=otlp.url)[0] for _ in range(2))
    await add_durables(link, killed)
    await change_durable(link, killed.name, ack_wait=1)
    await put(link, *sent)

    async with anyio.create_task_group() as tg:
        tg.start_soon(killed.run, anyio.Event())
        await eventually(lambda: killed.counts.failed_requests)
        tg.cancel_scope.cancel()
    otlp.answers = []
    async with running(successor):
        await eventually(lambda: successor.absorbed == 3)

    assert 0 == killed.absorbed
    assert [at * NS for at in range(slot, slot + 30, 10)] == [
        point.time_unix_nano for _, _, point in otlp.points(CPU)
    ]


async def test_a_target_that_asks_to_wait_is_not_asked_before(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    [sent] = batches([first_slot()])
    await register(store, sent)
    otlp.answers = [Answer(429, headers={"Retry-After": "2"})]
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, sent)

    async with running(exporter):
        await eventually(lambda: "asked to wait" in exporter.problem)
        await eventually(lambda: exporter.absorbed)

    [first, second] = otlp.request_times
    assert second - first >= 2
    assert (1, 1) == (exporter.counts.failed_requests, len(otlp.taken))


async def test_what_a_target_took_is_not_sent_again_with_the_rest(
    link: Link,
    store: Store,
    otlp: OtlpServer,
    exporters: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "POINTS_MAX", 2)  # a request for each batch
    slot = first_slot()
    sent = batches(range(slot, slot + 40, 10))
    await register(store, sent[0])
    otlp.answers = [Answer(200), Answer(200), Answer(503)]
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, *sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed == 4)

    assert [at * NS for at in range(slot, slot + 40, 10)] == [
        point.time_unix_nano for _, _, point in otlp.points(CPU)
    ]
    assert (8, 1, 5) == (
        exporter.counts.sent_points,
        exporter.counts.failed_requests,
        len(otlp.request_times),
    )


async def test_what_was_chosen_stays_chosen_while_it_waits(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    """Though by then it is known what the next step has."""
    slot = first_slot()
    sent = batches([slot, slot + 4, slot + 10])
    for batch in sent[1:]:
        batch.metrics["open_file_count"] = [batch.slot]
    await register(store, sent[0])
    otlp.answers = [Answer(503)] * 2
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, *sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed == 3)

    points = otlp.points("robometrics.open_file_count")
    assert [slot + 4, slot + 10] == [point.as_int for _, _, point in points]


async def test_what_is_refused_for_good_is_counted_and_not_sent_again(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    [sent] = batches([first_slot()])
    await register(store, sent)
    otlp.answers = [Answer(400, b"no such thing", {"Content-Type": "text/plain"})]
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed)

    assert (0, {"out_of_order": 0, "refused": 2}) == (
        exporter.counts.sent_points,
        exporter.counts.refused_points,
    )
    assert 1 == len(otlp.request_times)
    assert 0 == await store.dead_letters.count()


async def test_an_answer_that_does_not_end_is_not_read_to_its_end(
    link: Link,
    store: Store,
    otlp: OtlpServer,
    exporters: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    [sent] = batches([first_slot()])
    await register(store, sent)
    otlp.answers = [Answer(422, b"no! \xff\n" * 2_000_000)]
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed)

    assert 2 == exporter.counts.refused_points["refused"]
    [refusal] = [each for each in caplog.messages if "refused" in each]
    assert len(refusal) < 500


async def test_what_a_target_takes_in_part_is_counted_so(
    link: Link,
    store: Store,
    otlp: OtlpServer,
    exporters: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    [sent] = batches([first_slot()])
    await register(store, sent)
    otlp.answers = [partial(1, "no room for threads")]
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, sent)

    async with running(exporter):
        await eventually(lambda: exporter.absorbed)

    assert (1, 1) == (
        exporter.counts.sent_points,
        exporter.counts.refused_points["refused"],
    )
    assert "no room for threads" in caplog.text


async def test_a_wrong_token_holds_everything_until_it_is_right(
    link: Link,
    store: Store,
    otlp: OtlpServer,
    exporters: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer old-secret\n")
    [sent] = batches([first_slot()])
    await register(store, sent)
    otlp.answers = [Answer(401)] * 1_000
    [exporter] = exporters(
        export_otlp_url=otlp.url, export_otlp_headers_file=str(headers)
    )
    await add_durables(link, exporter)
    await put(link, sent)

    async with running(exporter):
        await eventually(lambda: "answers 401" in exporter.problem)
        headers.write_text("Authorization: Bearer new-secret\n")
        otlp.answers = []
        await eventually(lambda: exporter.absorbed)

    assert "Bearer old-secret" == otlp.headers[0]["Authorization"]
    assert "Bearer new-secret" == otlp.headers[-1]["Authorization"]
    assert 2 == exporter.counts.sent_points
    assert "secret" not in caplog.text


async def test_what_waited_too_long_is_given_up_and_counted(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    slot = first_slot()
    sent = batches(range(slot, slot + 30, 10))
    await register(store, sent[0])
    otlp.answers = [Answer(503)] * 1_000
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await put(link, *sent)

    async with running(exporter):
        await eventually(lambda: exporter.counts.failed_requests)
        assert (0, 3) == (
            exporter.counts.given_up_messages["too_old"],
            await Puller(link, exporter.name).pending(),
        )
        exporter._max_age_seconds = 0  # they are that old by now
        await eventually(lambda: exporter.absorbed == 3)
        assert 3 == exporter.counts.given_up_messages["too_old"]
        assert 0 == await Puller(link, exporter.name).pending()

        exporter._max_age_seconds = MAX_AGE_SECONDS
        otlp.answers = []
        await put(link, *batches([slot + 40]))
        await eventually(lambda: exporter.counts.sent_points)
    assert 1 == len(otlp.points(CPU))


async def test_two_targets_do_not_wait_for_each_other(
    link: Link, store: Store, otlp: OtlpServer, prom: PrometheusServer, exporters: Make
) -> None:
    slot = first_slot()
    sent = batches(range(slot, slot + 30, 10))
    await register(store, sent[0])
    otlp.answers = [Answer(500)] * 10_000
    by_otlp, by_remote_write = exporters(
        export_otlp_url=otlp.url, export_remote_write_url=prom.write_url
    )
    await add_durables(link, by_otlp, by_remote_write)
    await put(link, *sent)

    async with running(by_otlp, by_remote_write):
        await eventually(lambda: by_remote_write.absorbed == 3)
        await eventually(lambda: by_otlp.counts.failed_requests)
        assert 0 == by_otlp.absorbed
        otlp.answers = []
        await eventually(lambda: by_otlp.absorbed == 3)


async def test_tags_are_awaited_for_a_moment_and_the_database_is_not_needed_after(
    link: Link,
    breakable: Store,
    mongo_server: MongoServer,
    otlp: OtlpServer,
    exporters: Make,
) -> None:
    """A series that changes its labels would be two."""
    slot = first_slot()
    sent = batches(range(slot, slot + 30, 10))
    settings = ServerSettings(roles=("export",), export_otlp_url=otlp.url)
    [exporter] = make_exporters(settings, link, breakable)
    await add_durables(link, exporter)

    async with running(exporter):
        await put(link, sent[0])
        await eventually(lambda: "tags are not here yet" in exporter.problem)
        await register(breakable, sent[0], tags={"team": "nav"})
        await eventually(lambda: exporter.absorbed == 1)
        mongo_server.kill()
        await put(link, *sent[1:])
        await eventually(lambda: exporter.absorbed == 3)

    assert ["nav"] * 3 == [
        resource["robometrics.tag.team"] for resource, _, _ in otlp.points(CPU)
    ]


async def test_a_process_that_nobody_registered_goes_out_without_tags(
    link: Link,
    store: Store,
    otlp: OtlpServer,
    exporters: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "robometrics.consumers.export.sources.REGISTRATION_SECONDS", 0.5
    )
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    began = time.monotonic()
    await put(link, *batches([first_slot()]))

    async with running(exporter):
        await eventually(lambda: exporter.absorbed)

    assert time.monotonic() - began >= 0.5
    assert 1 == len(otlp.points(CPU))


async def test_what_nobody_can_read_is_set_aside_and_not_exported(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    async with AckedPublisher.open(link, max_in_flight=2) as publisher:
        assert await (await publisher.publish(SUBJECT, b"\xc1", message_id="bad"))
    [good] = batches([first_slot()])
    await register(store, good)
    await put(link, good)

    async with running(exporter):
        await eventually(lambda: (exporter.absorbed, exporter.discarded) == (1, 1))

    assert 1 == await store.dead_letters.count()
    assert 1 == len(otlp.points(CPU))
