"""The feed: what it asks for, what it makes of faults, and that it comes back."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
from api.conftest import Served
from builders import gpu_batch
from faults.part import Part
from servers import free_port
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, open_link
from robometrics.errors import RetryLaterError, RoboMetricsError, SettingsError
from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous, encode
from robometrics.settings import ServerSettings, to_flags
from robometrics.top.feed import BACKFILL_SECONDS, BACKFILL_SERIES_MAX, Feed
from robometrics.top.live import Gap, backoff_seconds
from robometrics.top.model import Model
from robometrics.top.once import gather
from robometrics.top.rest import Rest, look
from robometrics.top.series import SHOWN, SeriesId
from robometrics.top.trail import SECONDS

from .conftest import busy, terminal, using
from .fleets import fleet, gpu, host, process

PLANNER = SeriesId("robot", "process", "planner")
LOCAL_PORT = anyio.abc.SocketAttribute.local_port
GONE = "no server answers at http://127.0.0.1:"


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v1/health/ready").is_success
    except httpx.HTTPError:
        return False


async def publish(link: Link, *batches: AnyBatch) -> None:
    async with AckedPublisher.open(link, max_in_flight=64) as publisher:
        for batch in batches:
            subject = subjects.samples(batch.host, batch.kind, batch.name)
            identity = f"{batch.kind}-{batch.name}-{batch.slot}"
            await (await publisher.publish(subject, encode(batch), message_id=identity))


@pytest.fixture
def server(site: ServerSettings, tmp_path: Path) -> Iterator[Part]:
    """The whole server as a process of its own, which a test may kill."""
    names = ["nats_url", "mongo_url", "mongo_database", "roles", "port"]
    options = to_flags(site, [*names, "stream_max_bytes"])
    command = [sys.executable, "-m", "robometrics", "server", *options]
    part = Part("server", command, tmp_path, is_ready=lambda: is_ready(site.port))
    part.start()
    yield part
    part.stop()


@pytest.mark.timeout(180)  # a server starts twice
@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_a_server_that_goes_and_comes_leaves_no_hole(
    server: Part, site: ServerSettings, now: int, fault: str
) -> None:
    url = f"http://127.0.0.1:{site.port}"
    async with open_link(site.nats_url, "test") as link, terminal(url) as shown:
        await link.wait_up()
        await publish(link, busy(now - 3), using(now - 3, 11.0))
        await shown.shows("● live", "planner", "11.0")

        getattr(server, fault)()
        await shown.shows("○ reconnecting, data up to")
        assert "11.0" in shown.line_of("planner")  # what was known is still there
        await publish(link, *(using(slot, 20.0) for slot in (now - 2, now - 1)))

        server.start() if fault == "kill" else server.thaw()
        await eventually(lambda: "● live" in shown.lines[0])
        seconds = iter(range(now, now + SECONDS // 2))

        async def has_all() -> bool:
            """Go on as a worker does: what comes tells what is missing before it."""
            if shown.app._model.series[PLANNER].slot < time.time() - 2:
                await publish(link, using(next(seconds), 33.0))
            trail = shown.app._model.series[PLANNER].trails["cpu_percent"]
            return [11, 20, 20, 33] == [round(x, 3) for x in trail.until(now, 4)]

        await eventually(has_all)


async def test_what_is_shown_is_what_the_server_derives(
    served: Served, now: int
) -> None:
    """Each metric of each kind, beside the answer of ``/api/v1/query``."""
    before = Previous(
        offset_ns=-NS_PER_SECOND,
        counters={
            "cpu_time_ns": 1_000,
            "io_read_bytes_total": 10,
            "io_write_bytes_total": 20,
            "context_switches_total": 30,
            "runqueue_wait_time_ns": 40,
            "gpu_time_ns": 50,
        },
    )
    process_metrics: dict[str, Any] = {
        "cpu_time_ns": [123_456_789],
        "memory_rss_bytes": [77 << 20],
        "thread_count": [5],
        "io_read_bytes_total": [4_321],
        "io_write_bytes_total": [54_321],
        "context_switches_total": [654],
        "runqueue_wait_time_ns": [7_654_321],
        "gpu_time_ns": [87_654_321],
        "gpu_utilization_percent": [12.5],
        "gpu_memory_used_bytes": [1 << 30],
    }
    host_metrics: dict[str, Any] = {
        "cpu_time_ns": [3_333_333_333],
        "cpu_count": [8],
        "memory_used_bytes": [1 << 33],
        "memory_total_bytes": [1 << 35],
    }
    gpu_metrics = {name: [7 + i] for i, name in enumerate(SHOWN["gpu"])}
    batches = [
        using(now - 1, 0, metrics=process_metrics, previous=before),
        busy(now - 1, metrics=host_metrics, previous=before),
        gpu_batch(slot=now - 1, metrics=gpu_metrics),
    ]
    await served.keep(*batches)
    model = Model()
    model.update(fleet(host(), process(), gpu()))
    model.accept(batches)

    for kind, asked in (("process", {"process": "planner"}), ("gpu", {"gpu": 0})):
        await _compare(served, model, kind, asked)
    await _compare(served, model, "host", {})


async def _compare(
    served: Served, model: Model, kind: str, asked: dict[str, Any]
) -> None:
    [series] = [each for id_, each in model.series.items() if id_.kind == kind]
    answer = await served.get(
        "query",
        host="robot",
        metric=",".join(SHOWN[kind]),
        resolution="raw",
        **{"from": "-30s"},
        **asked,
    )
    [told] = answer["series"]
    theirs = {name: column["values"][-1] for name, column in told["metrics"].items()}
    assert set(SHOWN[kind]) == set(theirs)
    assert theirs == series.values()


def feed_of(model: Model) -> Feed:
    return Feed("http://127.0.0.1:1", Rest("", httpx.AsyncClient()), model)


def since(feed: Feed, *, is_new: bool) -> dict[str, float | None]:
    """Return since when each series is asked for, s before now."""
    now_slot = int(feed.now_ms() // 1_000)
    return {
        each.process or "": None
        if each.since_ms is None
        else now_slot - int(each.since_ms / 1_000)
        for each in feed.subscription(is_new=is_new)
    }


def test_the_past_is_asked_for_once_on_each_connection(now: int) -> None:
    model = Model()
    model.update(fleet(host(), process()))
    feed = feed_of(model)
    asked = since(feed, is_new=True)
    assert {"": BACKFILL_SECONDS, "planner": BACKFILL_SECONDS} == asked
    model.update(fleet(host(), process(), process("camera")))
    asked = since(feed, is_new=False)
    assert {"": None, "planner": None, "camera": BACKFILL_SECONDS} == asked
    model.accept([using(now - 5, 1.0)])
    asked = since(feed, is_new=True)
    assert asked["planner"] in (4, 5)
    assert BACKFILL_SECONDS == asked["camera"]


def test_of_what_is_looked_at_all_that_is_drawn_is_asked_for() -> None:
    model = Model()
    model.update(fleet(host(), process()))
    feed = feed_of(model)
    since(feed, is_new=True)
    model.pin(PLANNER)
    assert {"": None, "planner": SECONDS} == since(feed, is_new=False)
    assert {"": None, "planner": None} == since(feed, is_new=False)
    assert SECONDS == since(feed, is_new=True)["planner"]


def test_a_large_fleet_asks_for_nothing_of_the_past_at_once() -> None:
    """The server would be so long at it that it dropped what is live meanwhile."""
    names = [f"p{i}" for i in range(BACKFILL_SERIES_MAX)]
    model = Model()
    model.update(fleet(host(), *map(process, names)))
    feed = feed_of(model)
    assert {None} == set(since(feed, is_new=True).values())
    for name in names:
        feed.on_gap(Gap(host="robot", process=name, from_ms=1e12, to_ms=2e12))
    feed.on_gap(Gap(host="robot", from_ms=1e12, to_ms=2e12))
    assert {None} == set(since(feed, is_new=False).values())
    model.update(fleet(host(), *map(process, names), process("newcomer")))
    model.pin(PLANNER)
    asked = since(feed, is_new=False)
    assert (BACKFILL_SECONDS, SECONDS) == (asked["newcomer"], asked["planner"])
    assert asked["p7"] is None


def test_what_is_missing_is_asked_for_once_more_and_not_for_ever(now: int) -> None:
    """The server may not have stored it yet; or it is lost."""
    model = Model()
    model.update(fleet(host(), process()))
    feed = feed_of(model)
    since(feed, is_new=True)

    def missed(process: str | None, first: int, last: int) -> None:
        times = {"from_ms": first * 1_000.0, "to_ms": last * 1_000.0}
        feed.on_gap(Gap(host="robot", process=process, **times))

    missed("planner", now - 20, now - 10)
    missed("planner", now - 30, now - 9)
    missed("elsewhere", now - 20, now - 10)
    asked = since(feed, is_new=False)
    assert asked["planner"] in (30, 31)
    assert asked[""] is None
    missed("planner", now - 20, now - 9)
    assert {"": None, "planner": None} == since(feed, is_new=False)
    missed("planner", now - 20, now - 2)
    missed(None, now - 2, now - 1)
    assert None not in since(feed, is_new=False).values()


@pytest.mark.parametrize(("share", "expected"), [(0, 0.5), (1, 1.0)])
def test_viewers_do_not_come_back_in_step(share: float, expected: float) -> None:
    first, later = backoff_seconds(0, share), backoff_seconds(50, share)
    assert (0.5 * expected, 5.0 * expected) == (first, later)


async def test_once_has_a_value_of_everything(served: Served, now: int) -> None:
    await served.keep(busy(now - 1), using(now - 1, 12.5))
    found = await gather(served.url, "*")
    [row] = found.rows.processes
    assert pytest.approx(12.5) == row.values["cpu_percent"]
    assert found.pipeline is not None
    assert found.pipeline.database.ok


async def test_once_does_not_wait_for_ever_for_what_is_silent(
    served: Served, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is seen as running, and its samples are too old to be asked for."""
    monkeypatch.setattr("robometrics.top.once.PATIENCE_SECONDS", 0.2)
    await served.keep(busy(now - 12), using(now - 12, 12.5))
    found = await gather(served.url, "*")
    assert [{}] == [row.values for row in found.rows.processes]


async def test_a_missing_server_says_what_to_do() -> None:
    with pytest.raises(RetryLaterError, match=f"{GONE}.*robometrics up.*--url"):
        await look(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("url", ["localhost:8420", "ftp://x", "http://", "http://[::1"])
async def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="api_url"):
        await look(url)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>", "is no RoboMetrics server"),
        (200, b'{"hosts": [{"name": 1}]}', "is no RoboMetrics server"),
        (404, b"not found", "is no RoboMetrics server"),
        (503, b'{"detail": "MongoDB is away"}', "answers 503: MongoDB is away"),
    ],
)
async def test_what_answers_and_is_no_server_of_ours_is_told(
    status: int, body: bytes, error: str
) -> None:
    async with answering(status, body) as url:
        with pytest.raises(RoboMetricsError, match=error):
            await look(url)


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[str]:
    """Answer every request alike."""

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n"
            await stream.send(head.encode() + body)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        port = listener.extra(LOCAL_PORT)  # noqa: S610  no database
        yield f"http://127.0.0.1:{port}"
        tasks.cancel_scope.cancel()
