"""What waits to be exported never fills the stream for others."""

from __future__ import annotations

import contextlib

import pytest
from builders import process_batch
from nats.js.errors import NotFoundError
from waiting import eventually

from robometrics.broker import EXPORTS, Link, measure_depth, provisioning, remove_export
from robometrics.consumers.export.guard import Guard
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.errors import RetryLaterError
from robometrics.store import Store

from .consuming import running
from .exporting import (
    MAX_AGE_SECONDS,
    Make,
    add_durables,
    batches,
    change_durable,
    first_slot,
    put,
    register,
)
from .receivers import Answer, OtlpServer

BIG = {f"thread_cpu_time_ns:t{i}": [i] for i in range(500)}
MANY = 100
"""So many of the big ones are more than a stream of one megabyte holds."""


async def in_stream(link: Link) -> int:
    info = await link.require_client().jetstream().stream_info(provisioning.STREAM)
    return info.state.messages


async def test_a_target_that_is_away_for_long_never_fills_the_stream_for_others(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    otlp.answers = [Answer(503)] * 10_000
    [exporter] = exporters(export_otlp_url=otlp.url)
    keepers = [make(link, store, fetch_batches=500) for make in (persist, rollup)]
    guard = Guard(
        link, {exporter.name: exporter.counts}, max_age_seconds=MAX_AGE_SECONDS
    )
    await provisioning.provision(link, max_bytes=1 << 20, replicas=1)
    await add_durables(link, exporter)
    slot = first_slot()

    async with running(exporter, *keepers):
        for number in range(MANY):
            await put(link, process_batch(slot=slot + number, metrics=BIG))
            await eventually(
                lambda: all(each.absorbed > number for each in keepers)  # noqa: B023
            )
            await guard.look()

        depth = await measure_depth(link)
        assert depth.stream.filled_ratio < 0.75
        assert exporter.counts.given_up_messages["stream_full"] > 0
        assert [(MANY, "")] * 2 == [(each.absorbed, each.problem) for each in keepers]

        otlp.answers = []
        await eventually(lambda: exporter.counts.sent_points)
        assert exporter.name in (await measure_depth(link)).durables


async def test_without_a_guard_it_would(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    """The other outcome: persist has it all, and still the stream takes no more."""
    otlp.answers = [Answer(503)] * 10_000
    [exporter] = exporters(export_otlp_url=otlp.url)
    await provisioning.provision(link, max_bytes=1 << 20, replicas=1)
    await add_durables(link, exporter)
    slot = first_slot()
    taken = 0

    keepers = [make(link, store, fetch_batches=500) for make in (persist, rollup)]
    async with running(exporter, *keepers):
        with contextlib.suppress(RetryLaterError):
            while taken < MANY:
                await put(link, process_batch(slot=slot + taken, metrics=BIG))
                taken += 1
        await eventually(lambda: all(each.absorbed == taken for each in keepers))
        with pytest.raises(RetryLaterError, match="maximum bytes exceeded"):
            await put(link, process_batch(slot=slot + MANY, metrics=BIG))


async def test_a_guard_lets_a_durable_be_while_others_are_behind_too(
    link: Link, exporters: Make, otlp: OtlpServer
) -> None:
    """With the database away, giving up what is to be exported would win nothing."""
    await provisioning.provision(link, max_bytes=1 << 20, replicas=1)
    [exporter] = exporters(export_otlp_url=otlp.url)
    guard = Guard(link, {exporter.name: exporter.counts}, max_age_seconds=60)
    await add_durables(link, exporter)
    slot = first_slot()
    for number in range(MANY):
        await put(link, process_batch(slot=slot + number, metrics=BIG))
        if (await measure_depth(link)).stream.filled_ratio > 0.6:
            break

    await guard.look()

    depth = await measure_depth(link)
    assert depth.stream.filled_ratio > 0.6
    assert depth.durables["persist"].waiting == depth.durables[exporter.name].waiting


async def test_a_durable_that_nobody_uses_ends_by_itself_and_lets_go_what_it_held(
    link: Link, store: Store, exporters: Make, otlp: OtlpServer
) -> None:
    """An exporter that is not started again must not hold back the stream for ever."""
    js = link.require_client().jetstream()
    [exporter] = exporters(export_otlp_url=otlp.url)
    await add_durables(link, exporter)
    await change_durable(link, exporter.name, inactive_threshold=1)
    keepers = [make(link, store, fetch_batches=10) for make in (persist, rollup)]
    async with running(*keepers):
        await put(link, *batches([first_slot()]))
        await eventually(lambda: all(each.absorbed for each in keepers))
    assert 1 == await in_stream(link)

    async def is_gone() -> bool:
        try:
            await js.consumer_info(provisioning.STREAM, exporter.name)
        except NotFoundError:
            return True
        return False

    await eventually(is_gone)
    assert 0 == await in_stream(link)


async def test_a_durable_that_is_gone_is_brought_back_by_the_guard(
    link: Link, store: Store, otlp: OtlpServer, exporters: Make
) -> None:
    [exporter] = exporters(export_otlp_url=otlp.url)
    guard = Guard(link, {exporter.name: exporter.counts}, max_age_seconds=60)
    slot = first_slot()
    sent = batches([slot])
    await register(store, sent[0])

    async with running(exporter):
        await eventually(lambda: "cannot fetch" in exporter.problem)
        await guard.look()
        await put(link, *sent)
        await eventually(lambda: exporter.absorbed)
    assert 2 == exporter.counts.sent_points


async def test_what_another_guard_gave_up_is_counted_by_the_exporters(
    link: Link, otlp: OtlpServer, exporters: Make
) -> None:
    [exporter] = exporters(export_otlp_url=otlp.url)
    guard = Guard(link, {exporter.name: exporter.counts}, max_age_seconds=60)
    await guard.look()
    await put(link, *batches(range(first_slot(), first_slot() + 3)))

    async def are_counted() -> bool:
        return (await measure_depth(link)).durables[exporter.name].pending == 3

    await eventually(are_counted)  # the broker counts after it acknowledged
    await guard.look()

    await remove_export(link, exporter.name)
    await guard.look()
    await guard.look()

    assert 3 == exporter.counts.given_up_messages["stream_full"]


async def test_without_exporters_a_guard_makes_no_durables(link: Link) -> None:
    await Guard(link, {}, max_age_seconds=60).look()

    assert set() == (await measure_depth(link)).durables.keys() & set(EXPORTS)
