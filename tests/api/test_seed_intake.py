"""What a worker of the first release posts is stored once, or refused and said so."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import pytest
import sites
from audited import MINUTE
from builders import host_batch
from servers import NatsServer
from waiting import eventually

from robometrics.broker import Link
from robometrics.schema import AnyBatch
from robometrics.settings import ServerSettings
from robometrics.store import Series, Store
from robometrics.store.auditing import audit

from .conftest import Served, serving
from .seed_worker import MACHINE, PROCESS, STATIC, OldWorker, now, waiting

R2D2 = Series("r2d2", "host", "")
PLANNER = Series("r2d2", "process", "planner=python3")

pytestmark = pytest.mark.usefixtures("unlingering")


@pytest.fixture
def old(served: Served) -> OldWorker:
    return OldWorker(served)


async def stored(store: Store, series: Series = R2D2) -> list[AnyBatch]:
    return [batch async for batch in store.batches.read(series, 0, 2**32 - 1)]


async def is_well(old: OldWorker) -> bool:
    """An answer may be a second old."""
    answer = await old.served.http.get("/health")
    return (200, b'{"status":"ok"}') == (answer.status_code, answer.content)


async def test_a_second_of_an_old_worker_is_stored_like_any_other(
    old: OldWorker, store: Store
) -> None:
    at = now()
    assert {"taken": 1} == await old.post("static_machine", STATIC | {"created_at": at})
    assert {"taken": 1} == await old.post("machine", MACHINE | {"created_at": at})
    other = PROCESS | {"pid": 43, "name": "=bash"}
    both = [each | {"created_at": at} for each in (PROCESS, other)]
    assert {"taken": 2} == await old.post("processes", both)
    await old.drain()

    [host] = await stored(store)
    assert {
        "reported_cpu_percent": [12.5],
        "reported_memory_percent": [40.25],
        "reported_gpu_percent": [0.125],
        "reported_gpu_memory_percent": [0.125],
        "reported_cpu_temperature_celsius": [51.0],
        "reported_gpu_temperature_celsius": [48.0],
        "reported_gpu_fan_percent": [30.0],
        "reported_gpu_power_watts": [55.321],
    } == host.metrics
    assert int(at) == host.slot
    [process] = await stored(store, PLANNER)
    assert {
        "reported_cpu_percent": [150.5],
        "reported_memory_percent": [1.5],
        "gpu_memory_used_bytes": [1 << 30],
        "reported_gpu_memory_percent": [0.0625],
        "thread_count": [7],
    } == process.metrics
    answer = await old.served.get(
        "query",
        host="r2d2",
        process="planner=python3",
        metric="reported_cpu_percent",
        **{"from": at - 60, "to": at + 60},
    )
    [found] = answer["series"]
    values = found["metrics"]["reported_cpu_percent"]["values"]
    assert [150.5] == [value for value in values if value is not None]
    [run] = (await old.served.get("runs", host="r2d2", process="=bash"))["runs"]
    assert (43, 1_790_000_000_250) == (run["pid"], run["started_ms"])


async def test_the_server_as_it_is_run_takes_posts_and_serves_them(
    site: ServerSettings,
) -> None:
    async with (
        sites.serving(site),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.port}") as http,
    ):

        async def is_well() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await http.get("/health")).is_success
            return False

        async def is_served() -> bool:
            return bool((await http.get("/serve/machine")).json())

        await eventually(is_well)
        assert (await http.post("/intake/machine/r2d2", json=MACHINE)).is_success
        await eventually(is_served)


async def test_the_same_post_again_is_stored_once(old: OldWorker, store: Store) -> None:
    reading = MACHINE | {"created_at": now()}
    for _ in range(3):
        await old.post("machine", reading)
    for _ in range(2):
        await old.post("processes", [PROCESS | {"created_at": now()}])
    await old.drain()

    assert 1 == len(await stored(store))
    assert 2 == len(await stored(store, PLANNER))


async def test_readings_of_one_second_are_all_stored(
    old: OldWorker, store: Store
) -> None:
    second = int(now())
    for tenth in range(5):
        changes = {"created_at": second + tenth / 10, "cpu_percent": tenth}
        await old.post("machine", MACHINE | changes)
    await old.drain()

    found = await stored(store)
    assert {second} == {batch.slot for batch in found}
    assert [0, 1, 2, 3, 4] == sorted(
        batch.metrics["reported_cpu_percent"][0] for batch in found
    )


async def test_readings_through_two_servers_are_all_stored(
    link: Link, store: Store
) -> None:
    """Behind a load balancer, or of a server that was started anew."""
    at = now()
    for number in range(2):
        async with serving(link, store) as served:
            old = OldWorker(served)
            changes = {"created_at": at, "cpu_percent": number}
            await old.post("machine", MACHINE | changes)
            await old.drain()

    found = await stored(store)
    assert [0, 1] == sorted(b.metrics["reported_cpu_percent"][0] for b in found)


async def test_a_worker_that_always_says_when_it_started_has_our_time(
    old: OldWorker, store: Store
) -> None:
    """Some old workers send processes so: their ``created_at`` never moves."""
    began = now()
    for number in range(3):
        await old.post("processes", [PROCESS | {"created_at": began - 3_600}])
        changes = {"created_at": began, "cpu_percent": number}
        await old.post("machine", MACHINE | changes)
    await old.drain()

    for series in (R2D2, PLANNER):
        found = await stored(store, series)
        assert 3 == len(found)
        assert all(began - 1 <= batch.slot <= now() for batch in found)


async def test_what_was_kept_meanwhile_is_stored_at_its_time_and_once(
    old: OldWorker, store: Store
) -> None:
    past = [
        MACHINE | {"created_at": MINUTE + number / 2, "cpu_percent": number}
        for number in range(40)
    ]
    for _ in range(2):
        assert {"taken": 40} == await old.post("many/machine", past)
    text = {key: str(value) for key, value in PROCESS.items() if key != "threads"}
    text["created_at"] = str(MINUTE)
    del text["ParentProcess"]
    for path in ("many/process", "many/processes"):
        assert {"taken": 1} == await old.post(path, [text])
    await old.drain()

    found = await stored(store)
    taken_at = [batch.slot + batch.offset_ns[0] / 1e9 for batch in found]
    assert [MINUTE + number / 2 for number in range(40)] == sorted(taken_at)
    assert 1 == len(await stored(store, PLANNER))


async def test_without_a_broker_a_post_is_refused_and_with_it_taken(
    old: OldWorker, store: Store, nats_server: NatsServer
) -> None:
    reading = MACHINE | {"created_at": now()}
    nats_server.kill()
    await eventually(lambda: not old.served.link.is_up)
    posts: list[tuple[str, Any]] = [
        ("machine", reading),
        ("processes", [PROCESS]),
        ("static_machine", STATIC),
        ("many/machine", [reading]),
    ]
    for path, body in posts:
        answer = await old.say(path, body)
        assert (503, "2") == (answer.status_code, answer.headers["retry-after"])
        assert "urn:robometrics:problem:server_unavailable" == answer.json()["type"]
    assert 503 == (await old.served.http.get("/health")).status_code
    nats_server.start()
    await eventually(lambda: old.served.link.is_up)
    await old.drain()
    assert [] == await stored(store)

    await old.post("machine", reading)
    await old.drain()
    assert 1 == len(await stored(store))
    await eventually(lambda: is_well(old))


async def test_a_frozen_broker_is_not_waited_for_long(
    old: OldWorker, nats_server: NatsServer
) -> None:
    nats_server.freeze()
    posts = [old.say("machine", MACHINE) for _ in range(3)]
    answers = await asyncio.gather(*posts)
    nats_server.thaw()

    assert {503} == {answer.status_code for answer in answers}
    await eventually(lambda: old.served.link.is_up)

    async def is_taken() -> bool:
        return (await old.say("machine", MACHINE)).is_success

    await eventually(is_taken)


async def test_a_full_stream_is_said_to_be_full(old: OldWorker, link: Link) -> None:
    js = link.require_client().jetstream()
    config = (await js.stream_info("ROBOMETRICS")).config
    await js.update_stream(config.evolve(max_bytes=1))
    answer = await old.say("machine", MACHINE)

    assert 503 == answer.status_code
    assert "maximum bytes" in answer.json()["detail"]
    assert 0 == await waiting(link)

    await js.update_stream(config)
    await old.post("machine", MACHINE)
    assert 1 == await waiting(link)


async def test_a_machine_without_a_worker_gives_no_false_alarm(
    old: OldWorker, store: Store
) -> None:
    """It reports every other second, pauses, and nobody wrote a tally."""
    past = [
        MACHINE | {"created_at": MINUTE + second}
        for second in (*range(0, 60, 2), *range(3_600, 3_660, 2))
    ]
    await old.post("many/machine", past)
    await old.post("many/processes", [PROCESS | {"created_at": MINUTE}])
    await old.drain()

    found = await audit(store, "r2d2", MINUTE - 3_600, MINUTE + 7_200)
    assert ("clean", 0, 61) == (
        found.state,
        found.holes_slots,
        sum(run.reported for run in found.runs),
    )
    over = {"host": "r2d2", "from": MINUTE, "to": MINUTE + 3_660}
    answer = await old.served.get("completeness", **over)
    assert (60, 60, None, False) == (
        answer["expected"],
        answer["stored"],
        answer["ratio"],
        answer["accounted"],
    )


async def test_an_old_worker_beside_a_new_one_hides_nothing_of_it(
    old: OldWorker, store: Store
) -> None:
    slot = int(now())
    theirs = host_batch(host="r2d2", slot=slot - 2, metrics={"outbox_messages": [7]})
    await old.served.keep(theirs)
    await old.post("machine", MACHINE)
    await old.drain()

    [row] = await store.fleet.hosts()
    assert (7, True) == (row.outbox_messages, row.last_slot > theirs.slot)
