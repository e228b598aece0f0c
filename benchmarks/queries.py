"""How long the API takes to answer, at days of samples and while more come in.

One query is a range at a random place of what is stored, with two metrics; it counts
from the request to the last byte of the answer. Beside it: the same asked of a
time-series collection that holds one day of the same samples, in the database's own
terms, without a server and JSON in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx

from benchmarks import (
    databases,
    feed,
    history,
    points,
    servers,
    streams,
    table,
)
from benchmarks.loading import Load, load
from benchmarks.table import Row
from robometrics.store import Store

METRICS = ("cpu_percent", "memory_rss_bytes")
FED_PROCESSES = 50
_SLACK_SECONDS = 600
"""By how much a range may reach over the ends of what is stored."""

_SECONDS_MAX = 60.0
_ASKED_MIN = 20


class Scale(NamedTuple):
    """How much is stored and asked."""

    processes: int
    hours: tuple[int, int]
    """Of the smaller and of the larger store."""

    asked: int
    """Queries of each kind; fewer if they take long."""


class Question(NamedTuple):
    """What is asked, of one process or of all."""

    what: str
    seconds: int
    max_points: int | None
    """``None``: every sample."""


class Asked(NamedTuple):
    """One query."""

    question: Question
    names: Sequence[str]
    start: int
    """Seconds since the Unix epoch."""


FULL = Scale(processes=50, hours=(24, 7 * 24), asked=200)
QUICK = Scale(processes=2, hours=(1, 2), asked=20)
QUESTIONS = (
    Question("15 min raw", 900, None),
    Question("24 h at 1,200 points", 86_400, 1_200),
    Question("7 days at 1,200 points", 7 * 86_400, 1_200),
)

Ask = Callable[[Asked], Awaitable[None]]
Latencies = dict[tuple[str, str], list[float]]
"""Milliseconds, by question and by whom it is about."""


async def measure(*, quick: bool) -> list[Row]:
    """Ask a store of one day and the time-series collection, then one of seven."""
    scale = QUICK if quick else FULL
    names = history.History(range(scale.processes)).names
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
    ):
        async with (
            streams.provisioned(nats_url),
            databases.opened(mongo_url) as (store, database),
        ):
            collection = await points.create(database)
            some = Load(
                mongo_url=mongo_url,
                processes=scale.processes,
                first_hour=0,
                stop_hour=scale.hours[0],
                with_points=True,
            )
            await asyncio.to_thread(load, at, some)
            async with _product(at, nats_url, mongo_url, store) as api:
                theirs = await _all(
                    _aggregate(collection), names, scale, scale.hours[0]
                )
                small = await _all(api, names, scale, scale.hours[0])
            more = Load(
                mongo_url=mongo_url,
                processes=scale.processes,
                first_hour=scale.hours[0],
                stop_hour=scale.hours[1],
            )
            await asyncio.to_thread(load, at, more)
            async with _product(at, nats_url, mongo_url, store) as api:
                large = await _all(api, names, scale, scale.hours[1])
    smaller, larger = (f"{hours} h stored" for hours in scale.hours)
    return [
        *_rows(smaller, small, f"time-series collection, {smaller}", theirs),
        *_rows(larger, large, smaller, small),
    ]


def _rows(
    what: str, latencies: Latencies, baseline: str, theirs: Latencies
) -> list[Row]:
    return [
        Row(
            f"{question}, {who}, {what}: p{percent}",
            [table.percentile(taken, percent)],
            "ms",
            f"{baseline}: p{percent}",
            [table.percentile(theirs[question, who], percent)],
        )
        for (question, who), taken in latencies.items()
        for percent in (50, 99)
    ]


@contextlib.asynccontextmanager
async def _product(
    at: Path, nats_url: str, mongo_url: str, store: Store
) -> AsyncIterator[Ask]:
    """Yield what asks the API, while a fleet publishes and consumers store."""
    port = servers.free_port()
    urls = (f"--nats-url={nats_url}", f"--mongo-url={mongo_url}")
    common = ("server", *urls, f"--mongo-database={databases.NAME}")
    with (
        servers.robometrics(at, *common, "--roles=persist,rollup") as consumers,
        servers.robometrics(at, *common, "--roles=api", f"--port={port}") as api,
        feed.feeding(at, nats_url, FED_PROCESSES) as fed,
    ):
        url = f"http://127.0.0.1:{port}/api/v1"
        await asyncio.to_thread(
            servers.wait_until, lambda: _answers(f"{url}/health/ready"), api
        )
        with anyio.fail_after(servers.START_SECONDS):
            while not await store.fleet.knows_host(streams.HOST):
                await asyncio.sleep(0.1)
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            yield _ask_api(client)
        if any(each.poll() is not None for each in (consumers, fed)):
            raise RuntimeError("nothing came in any more while it was asked")


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).is_success
    return False


def _ask_api(client: httpx.AsyncClient) -> Ask:
    async def ask(asked: Asked) -> None:
        question = asked.question
        answer = await client.get(
            "/query",
            params={
                "host": history.HOST,
                "process": asked.names,
                "metric": METRICS,
                "from": asked.start,
                "to": asked.start + question.seconds,
                "resolution": "auto" if question.max_points else "raw",
                **({"max_points": question.max_points} if question.max_points else {}),
            },
        )
        if answer.content.count(b'"resolution"') != len(asked.names):
            raise RuntimeError(answer.text[:1_000])

    return ask


def _aggregate(collection: Any) -> Ask:
    async def ask(asked: Asked) -> None:
        question = asked.question
        start, stop = (
            datetime.fromtimestamp(each, timezone.utc)
            for each in (asked.start, asked.start + question.seconds)
        )
        match = {"m.p": {"$in": list(asked.names)}, "t": {"$gte": start, "$lt": stop}}
        if question.max_points is None:
            fields = {"t": 1, "m": 1, "cpu_time_ns": 1, "memory_rss_bytes": 1}
            await collection.find(match, fields).to_list(None)
            return
        step = {
            "unit": "second",
            "binSize": -(-question.seconds // question.max_points),
        }
        group = {
            "_id": {"p": "$m.p", "t": {"$dateTrunc": {"date": "$t", **step}}},
            "cpu_first": {"$min": "$cpu_time_ns"},
            "cpu_last": {"$max": "$cpu_time_ns"},
            **{
                each: {f"${each}": "$memory_rss_bytes"}
                for each in ("avg", "min", "max")
            },
        }
        await collection.aggregate([{"$match": match}, {"$group": group}]).to_list(None)

    return ask


async def _all(ask: Ask, names: list[str], scale: Scale, hours: int) -> Latencies:
    """Ask everything that makes sense of *hours*, one query after the other."""
    draw = random.Random(1)  # noqa: S311  no secret
    stored_seconds = hours * history.HOUR_SECONDS
    found: Latencies = {}
    for question in QUESTIONS:
        last = history.FIRST_SLOT + max(0, stored_seconds - question.seconds)
        for who, count in (("1 process", 1), (f"{scale.processes} at once", None)):
            taken: list[float] = []
            began = time.monotonic()
            while len(taken) < scale.asked and (
                len(taken) < _ASKED_MIN or time.monotonic() < began + _SECONDS_MAX
            ):
                some = draw.sample(names, count or scale.processes)
                slack = draw.randint(-_SLACK_SECONDS, _SLACK_SECONDS)
                start = draw.randint(history.FIRST_SLOT, last) + slack
                before = time.perf_counter()
                await ask(Asked(question, some, start))
                taken.append((time.perf_counter() - before) * 1e3)
            found[question.what, who] = taken
    return found


if __name__ == "__main__":
    table.run([measure])
