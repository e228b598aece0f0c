"""Intervals change while the worker runs; a burst ends by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link, ask_all
from robometrics.lib import client
from robometrics.publisher import control as module
from robometrics.requests import (
    BurstRequest,
    IntervalRequest,
    ListRequest,
    Plan,
    Reply,
    UnregisterRequest,
    decode_reply,
    encode_request,
)
from robometrics.settings import WorkerSettings

from .workers import Collector, ask, collect_until, running, settings_for

MS = 1_000_000
SECOND = 1_000 * MS


async def register(
    settings: WorkerSettings, name: str, plan: Plan | None = None
) -> Reply:
    reply = await ask(
        settings, client.register_request(name, os.getpid(), plan=plan or Plan())
    )
    assert reply.accepted, reply.reason
    return reply


async def intervals(settings: WorkerSettings) -> dict[str, int]:
    reply = await ask(settings, ListRequest())
    return {each.process: each.interval_ns for each in reply.watched}


async def test_a_burst_is_delivered_like_other_samples_and_ends(
    nats_server: NatsServer, link: Link, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path, interval_seconds=0.5)
    collector = Collector(link)
    async with running(settings):
        await register(settings, "planner")
        # A worker begins with the next whole second; the burst is not to lie before.
        await collect_until(collector, lambda: collector.of("planner"))
        reply = await ask(
            settings,
            BurstRequest(process="planner", interval_ns=5 * MS, duration_ns=SECOND),
        )
        assert reply.accepted, reply.reason
        assert (5 * MS, SECOND) == (reply.interval_ns, reply.until_ns - reply.from_ns)
        assert {"planner": 5 * MS} == await intervals(settings)

        async def over() -> bool:
            return {"planner": SECOND // 2} == await intervals(settings)

        await eventually(over)
        await collect_until(
            collector,
            lambda: any(
                batch.slot * SECOND > reply.until_ns
                for batch in collector.of("planner")
            ),
        )
    times = sorted(
        batch.slot * SECOND + offset
        for batch in collector.of("planner")
        for offset in batch.offset_ns
    )
    inside = [at for at in times if reply.from_ns <= at < reply.until_ns]
    assert len(inside) > 20, "a few times what the usual interval gives"
    assert sorted(set(times)) == times
    assert 5 * MS in {batch.interval_ns for batch in collector.of("planner")}


async def test_an_interval_of_a_process_survives_a_restart_of_the_worker(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):
        await register(settings, "mine", Plan(interval_ns=20 * MS))
        await register(settings, "usual")
        assert {"mine": 20 * MS, "usual": 100 * MS} == await intervals(settings)
        for process, interval_ns in (("mine", 30 * MS), (None, 700 * MS)):
            request = IntervalRequest(process=process, interval_ns=interval_ns)
            assert interval_ns == (await ask(settings, request)).interval_ns
        assert {"mine": 30 * MS, "usual": 700 * MS} == await intervals(settings)
    async with running(settings):
        assert {"mine": 30 * MS, "usual": 100 * MS} == await intervals(settings)
        for process in ("mine", None):
            reply = await ask(settings, IntervalRequest(process=process))
            assert 100 * MS == reply.interval_ns
        assert {"mine": 100 * MS, "usual": 100 * MS} == await intervals(settings)


async def test_a_program_that_registers_again_may_change_its_plan(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):
        await register(settings, "mine")
        reply = await register(settings, "mine", Plan(interval_ns=20 * MS))
        assert 20 * MS == reply.interval_ns
    async with running(settings):
        assert {"mine": 20 * MS} == await intervals(settings)


async def test_a_second_burst_takes_the_place_of_the_first(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):
        await register(settings, "mine")
        for interval_ns in (2 * MS, 50 * MS):
            request = BurstRequest(
                process="mine", interval_ns=interval_ns, duration_ns=60 * SECOND
            )
            assert (await ask(settings, request)).accepted is (interval_ns == 2 * MS)
        faster = BurstRequest(
            process="mine", interval_ns=MS, duration_ns=SECOND * 3 // 10
        )
        assert (await ask(settings, faster)).accepted

        async def over() -> bool:
            return {"mine": 100 * MS} == await intervals(settings)

        await eventually(over)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (BurstRequest(process="nobody"), "nobody is not measured on robot"),
        (IntervalRequest(process="nobody"), "nobody is not measured on robot"),
        (BurstRequest(process="mine", interval_ns=SECOND), "faster than that already"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(
    nats_server: NatsServer,
    tmp_path: Path,
    request_: BurstRequest | IntervalRequest,
    reason: str,
) -> None:
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):
        await register(settings, "mine")
        reply = await ask(settings, request_)
        assert not reply.accepted
        assert reason in reply.reason
        assert {"mine": 100 * MS} == await intervals(settings)


async def test_bursts_together_are_bounded(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BURST_HZ_MAX", 150)
    settings = settings_for(nats_server.url, tmp_path)
    async with running(settings):
        await register(settings, "a")
        await register(settings, "b")
        replies = [
            await ask(settings, BurstRequest(process=name, interval_ns=10 * MS))
            for name in "ab"
        ]
        assert [True, False] == [reply.accepted for reply in replies]
        assert "200 samples a second together" in replies[1].reason
        assert {"a": 10 * MS, "b": 100 * MS} == await intervals(settings)


async def test_all_hosts_can_be_asked_at_once_but_not_to_register(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    one = settings_for(nats_server.url, tmp_path / "1", host="one")
    two = settings_for(nats_server.url, tmp_path / "2", host="two")
    async with running(one), running(two):
        await register(two, "mine")

        async def asked(request: object) -> dict[str, Reply]:
            found = await ask_all(
                nats_server.url, subjects.CONTROL, encode_request(request), seconds=0.5
            )
            return {reply.host: reply for reply in map(decode_reply, found)}

        async def both() -> bool:
            return len(await asked(ListRequest())) == 2

        await eventually(both)
        replies = await asked(BurstRequest(process="mine"))
        assert {"one": False, "two": True} == {
            host: reply.accepted for host, reply in replies.items()
        }
        for request in (
            client.register_request("x", os.getpid()),
            UnregisterRequest(pid=os.getpid()),
        ):
            replies = await asked(request)
            assert [False, False] == [reply.accepted for reply in replies.values()]
        assert {"mine": MS} == await intervals(two)
