"""A simulated fleet on real servers: all of it stored, once; or refused, and told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import anyio
import pytest
from builders import host_batch, process_batch
from servers import NatsServer, free_port
from waiting import eventually

from robometrics.address import BrokerAddress
from robometrics.broker import (
    AckedPublisher,
    Link,
    Puller,
    measure_depth,
    open_link,
    provision,
)
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.errors import RetryLaterError, SettingsError
from robometrics.simulation.fleet import Fleet
from robometrics.simulation.playing import Play
from robometrics.simulation.sending import Sender
from robometrics.simulation.simulating import Result, Wanted, simulate
from robometrics.store import Store
from robometrics.store.auditing import audit

FEW = Wanted(hosts=4, processes=2, seconds=1.0, spread_seconds=0.1)


async def run(server: NatsServer, wanted: Wanted = FEW) -> Result:
    where = BrokerAddress(url=server.url)
    return await simulate(wanted, where, "mongodb://127.0.0.1:1", anyio.Event())


async def store_all(link: Link, store: Store) -> None:
    """Run both consumers until the stream is empty."""
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        for make in (persist, rollup):
            loop = make(link, store, fetch_batches=500)
            tg.start_soon(loop.run, stop)
        for durable in ("persist", "rollup"):
            while await Puller(link, durable).pending():
                await anyio.sleep(0.02)
        stop.set()


async def test_every_batch_is_stored_once_and_the_audit_is_clean(
    nats_server: NatsServer, link: Link, store: Store
) -> None:
    result = await run(nats_server)
    await store_all(link, store)

    hosts = [row.host for row in await store.fleet.hosts()]
    assert 4 == len(hosts)
    assert all(host.startswith(result.hosts[:-1]) for host in hosts)
    now = int(time.time())
    for host in hosts:
        report = await audit(store, host, now - 600, now + 60)
        assert "clean" == report.state, report
        series = {(run.kind, run.name) for run in report.runs}
        assert 3 == len(series)
        assert all(run.taken == run.stored > 0 for run in report.runs)
        assert report.events == 4  # started, two registered, stopped
    assert result.acknowledged == result.sent
    assert 0 == result.unacknowledged
    assert 0 == await store.dead_letters.estimate()


async def test_the_result_says_what_was_sent_and_how_fast_it_was_acknowledged(
    nats_server: NatsServer, link: Link
) -> None:
    result = await run(nats_server)

    assert 4 * 3 == result.registered
    assert result.sent >= result.offered_per_second == 12
    assert 0 < result.ack_p50_ms <= result.ack_p99_ms
    assert {"simulator", "broker"} <= result.parts.keys()
    assert result.parts["broker"].memory_bytes > 1 << 20
    assert [] == result.gave
    waiting = (await measure_depth(link)).durables["persist"].waiting
    assert result.registered + result.sent <= waiting


async def test_without_a_broker_it_says_where_it_looked() -> None:
    where = BrokerAddress(url=f"nats://127.0.0.1:{free_port()}")

    with pytest.raises(SettingsError, match=f"no broker answers at {where.url}"):
        await simulate(FEW, where, "", anyio.Event())


async def test_without_a_stream_it_says_what_to_start(nats_server: NatsServer) -> None:
    with pytest.raises(SettingsError, match="run robometrics provision"):
        await run(nats_server)


@pytest.fixture
async def small(nats_server: NatsServer) -> AsyncIterator[Link]:
    """A connection to a broker whose stream is soon full."""
    async with open_link(nats_server.url, "test") as opened:
        await opened.wait_up()
        await provision(opened, max_bytes=1 << 15, replicas=1)
        yield opened


async def test_what_a_full_stream_refuses_is_sent_again_until_there_is_room(
    small: Link,
) -> None:
    fleet = Fleet(20, 5, hz=1, first_slot=int(time.time()))
    async with (
        AckedPublisher.open(small, max_in_flight=64) as publisher,
        anyio.create_task_group() as tg,
    ):
        sender = Sender(publisher)
        play = Play(fleet, sender, spread_seconds=0.0)
        tg.start_soon(play.register, anyio.Event())
        await eventually(lambda: sender.counts.refused > 0)

        assert sender.counts.outstanding > 0
        assert "maximum bytes exceeded" in sender.counts.problem

        await provision(small, max_bytes=64 << 20, replicas=1)
        await eventually(lambda: sender.counts.sent == 20 * 6)
        assert await sender.settled(20.0)
    assert sender.counts.acknowledged == sender.counts.sent
    assert 120 == (await measure_depth(small)).durables["persist"].waiting


async def test_a_stream_that_stays_full_ends_it_all_the_same(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.simulation.simulating.OVERTIME_SECONDS", 1.0)
    monkeypatch.setattr("robometrics.simulation.simulating.SETTLE_SECONDS", 1.0)
    async with open_link(nats_server.url, "test") as link:
        await link.wait_up()
        await provision(link, max_bytes=1 << 14, replicas=1)

        wanted = Wanted(hosts=4, processes=2, seconds=6.0, spread_seconds=0.1)
        result = await run(nats_server, wanted)

        stored = (await measure_depth(link)).stream.messages
    assert 4 * 3 == result.registered < stored
    assert result.unacknowledged > 0
    assert result.acknowledged == stored - result.registered
    assert "maximum bytes exceeded" in result.problem
    assert "stream" == result.gave[0].part


async def test_a_stop_ends_it_between_two_seconds(
    nats_server: NatsServer, link: Link
) -> None:
    stop, wanted = anyio.Event(), Wanted(hosts=2, processes=1, seconds=600.0)
    where, found = BrokerAddress(url=nats_server.url), []

    async def play() -> None:
        found.append(await simulate(wanted, where, "", stop))

    async with anyio.create_task_group() as tg:
        tg.start_soon(play)
        await eventually(lambda: _waiting(link, 8))
        stop.set()

    assert found[0].seconds < 60
    assert 0 == found[0].unacknowledged


async def _waiting(link: Link, least: int) -> bool:
    try:
        return (await measure_depth(link)).durables["persist"].waiting >= least
    except RetryLaterError:
        return False


async def test_forgetting_leaves_nothing_of_simulated_hosts_and_all_of_others(
    nats_server: NatsServer, link: Link, store: Store
) -> None:
    result = await run(nats_server)
    await store_all(link, store)
    await store.batches.insert([host_batch(), process_batch(process="simulated-1")])
    await store.fleet.see([host_batch(), process_batch(process="simulated-1")])
    await store.fleet.settle(everything=True)
    assert 5 == len(await store.fleet.hosts())

    forgotten = [done async for done in store.forgetting.forget(result.hosts[:-1])]

    assert 4 == len(forgotten)
    assert all(done.documents > 0 for done in forgotten)
    assert ["robot"] == [row.host for row in await store.fleet.hosts()]
    assert [] == [d async for d in store.forgetting.forget(result.hosts[:-1])]
    assert {"batches": 2, "hosts": 1, "processes": 1, "runs": 1} == await _documents(
        store
    )


async def _documents(store: Store) -> dict[str, int]:
    """Return how many documents are of any host, by collection."""
    database, found = store._database, {}
    for name in await database.list_collection_names():
        found[name] = await database[name].count_documents({"host": {"$exists": True}})
    return {name: count for name, count in found.items() if count}
