"""Of the same samples, every expression is worth what Prometheus says it is."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from builders import event, host_batch, process_batch
from reference import PrometheusServer, Sample

from robometrics.api.prometheus.engine import Bounds, Engine
from robometrics.api.prometheus.errors import PrometheusError
from robometrics.api.prometheus.evaluate import Times
from robometrics.api.prometheus.source import Budget, Source, Track, Wanted
from robometrics.api.prometheus.stored import StoreSource
from robometrics.schema import AnyBatch
from robometrics.store import Series, Store

START = 1_790_000_000 - 1_790_000_000 % 3600
SECONDS = 420
OFFSET_NS = 123_000_000
"""So that no sample lies on the edge of a range: there releases differ."""

SECOND = 1_000_000_000
TAGS = {"planner": {"robot": "r1"}, "mapper": {"robot": "r2", "site": "lab"}}


def process_batches(host: str, process: str, seed: int) -> Iterator[AnyBatch]:
    """Yield seconds of a process that is started anew twice, and lost for a while."""
    dice = random.Random(seed)  # noqa: S311  the same each time
    counter = dice.randrange(10**9)
    memory = dice.randrange(10**6, 10**9)
    for second in range(SECONDS):
        run = f"ab-{seed}-{1 + second // 200}"
        if second % 200 == 0 and second:
            counter = dice.randrange(10**6)
        counter += dice.randrange(3 * 10**8)
        memory = max(0, memory + dice.randrange(-(10**6), 10**6))
        if 100 <= second < 140 or dice.random() < 0.02:
            continue
        yield process_batch(
            host=host,
            process=process,
            run=run,
            slot=START + second,
            interval_ns=SECOND,
            offset_ns=[OFFSET_NS],
            metrics={
                "cpu_time_ns": [counter],
                "memory_rss_bytes": [memory],
                **({"thread_count": [dice.randrange(4)]} if seed % 2 else {}),
            },
            previous=None,
        )


def host_batches(host: str, seed: int) -> Iterator[AnyBatch]:
    dice = random.Random(seed)  # noqa: S311  the same each time
    for second in range(SECONDS):
        yield host_batch(
            host=host,
            run=f"ab-{seed}",
            slot=START + second,
            offset_ns=[OFFSET_NS],
            metrics={
                "load_1m": [round(dice.uniform(-3, 3), 3)],
                "cpu_count": [4 + seed % 3],
            },
        )


def batches() -> list[AnyBatch]:
    found: list[AnyBatch] = []
    for seed, (host, process) in enumerate(
        (host, process) for host in ("alpha", "beta") for process in TAGS
    ):
        found += process_batches(host, process, seed)
    found += host_batches("alpha", 10)
    found += host_batches("beta", 11)
    return found


def samples(of: Sequence[AnyBatch]) -> Iterator[Sample]:
    for batch in of:
        labels = {"host": batch.host, "kind": batch.kind}
        if batch.kind == "process":
            labels["process"] = batch.name
            tags = TAGS[batch.name]
            labels |= {f"tag_{key}": value for key, value in tags.items()}
        for key, column in batch.metrics.items():
            for value in column:
                assert value is not None
                yield key, labels, batch.slot + OFFSET_NS / SECOND, value


@pytest.fixture(scope="module")
def reference(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PrometheusServer]:
    server = PrometheusServer(tmp_path_factory.mktemp("prometheus"))
    server.load(samples(batches()))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def engine(store: Store) -> Engine:
    kept = batches()
    await store.batches.insert(kept)
    await store.fleet.see(kept)
    await store.rollups.fold(kept)
    runs = {(each.host, each.name, each.run) for each in kept if each.name}
    await store.fleet.record(
        [
            event(
                id=f"r-{number}",
                event="registered",
                host=host,
                process=process,
                run=run,
                pid=1,
                tags=TAGS[process],
                at_ns=START * SECOND,
            )
            for number, (host, process, run) in enumerate(sorted(runs))
        ]
    )
    return Engine(store, Remembered(StoreSource(store)))


class Remembered:
    """The store's source, that reads each span once: a hundred queries ask for it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[object, list[Track]] = {}
        self.keys = source.keys

    async def tracks(
        self,
        series: Series,
        resolution: str,
        span: tuple[int, int],
        wanted: Wanted,
        budget: Budget,
    ) -> list[Track]:
        asked = (series, resolution, span)
        if asked not in self._known:
            self._known[asked] = await self._source.tracks(
                series, resolution, span, lambda _: True, budget
            )
        return [
            track for track in self._known[asked] if wanted(track.key.partition(":")[0])
        ]


EXPRESSIONS = """
cpu_time_ns
{__name__=~"cpu_.*", kind="host"}
memory_rss_bytes{host="alpha", process=~"map.+|none"}
memory_rss_bytes{host!="alpha", process!~"map.*"}
memory_rss_bytes{tag_site=""}
load_1m offset 1m
load_1m offset -30s
load_1m @ 1789999277
load_1m @ end()
rate(cpu_time_ns[30s])
rate(cpu_time_ns[2m] offset 20s)
rate(cpu_time_ns[1m] @ start())
increase(cpu_time_ns[1m])
increase(cpu_time_ns[5s])
irate(cpu_time_ns[1m])
irate(cpu_time_ns[2s])
delta(memory_rss_bytes[1m])
idelta(load_1m[20s])
avg_over_time(load_1m[45s])
min_over_time(load_1m[45s])
max_over_time(load_1m[45s])
sum_over_time(load_1m[45s])
count_over_time(memory_rss_bytes[45s])
last_over_time(memory_rss_bytes[45s])
stddev_over_time(load_1m[45s])
stddev_over_time(memory_rss_bytes[45s])
quantile_over_time(0.9, load_1m[45s])
quantile_over_time(-1, load_1m[45s])
quantile_over_time(2, load_1m[45s])
quantile_over_time(0.5, memory_rss_bytes[1m])
sum(memory_rss_bytes)
sum by (tag_robot) (rate(cpu_time_ns[1m]))
sum by (host, nothing) (memory_rss_bytes)
sum without (process, tag_robot) (memory_rss_bytes)
avg by (host) (memory_rss_bytes)
min by (process) (memory_rss_bytes)
max(load_1m)
count by (kind) ({host="alpha"})
group by (host) (thread_count)
stddev(memory_rss_bytes)
stdvar by (host) (load_1m)
quantile(0.25, memory_rss_bytes)
quantile by (host) (1.5, memory_rss_bytes)
topk(2, memory_rss_bytes)
topk by (host) (1, memory_rss_bytes)
bottomk(3, memory_rss_bytes)
topk(0, memory_rss_bytes)
topk(scalar(cpu_count{host="alpha"}) - 3, memory_rss_bytes)
memory_rss_bytes / 1024 / 1024
1024 * load_1m
-load_1m
2 ^ load_1m
load_1m % 2
load_1m > 1
load_1m > bool 1
1 < load_1m
1 < bool load_1m
load_1m == load_1m
load_1m != bool load_1m
1 == bool 1
1 + 2 * 3 ^ 2 ^ 0.5 % 7
-1 ^ 2
1 / 0
0 / 0
load_1m / 0
thread_count / 0
0 * (thread_count / 0)
load_1m / cpu_count
load_1m / on (host) cpu_count
load_1m > cpu_count - 4
load_1m - ignoring (kind) cpu_count
memory_rss_bytes / on (host) group_left cpu_count
memory_rss_bytes / on (host) group_left (kind) cpu_count
cpu_count * on (host) group_right (tag_robot) memory_rss_bytes
memory_rss_bytes > on (host) group_left cpu_count * 1e7
memory_rss_bytes > bool on (host) group_left cpu_count * 1e7
load_1m and load_1m > 0
load_1m or cpu_count
load_1m or on (host) cpu_count
cpu_count unless on (host) load_1m > 0
memory_rss_bytes and on (host) (load_1m > 0)
memory_rss_bytes unless thread_count
(load_1m > 1) or (load_1m < -1)
abs(load_1m)
ceil(load_1m)
floor(load_1m)
sgn(load_1m)
sqrt(load_1m)
ln(load_1m)
log2(abs(load_1m))
log10(cpu_count)
exp(load_1m)
round(load_1m)
round(load_1m, 0.25)
clamp(load_1m, -1, 1)
clamp(load_1m, 1, -1)
clamp_min(load_1m, 0)
clamp_max(load_1m, 0)
scalar(load_1m{host="alpha"})
scalar(load_1m)
vector(1)
vector(time())
time()
time() - timestamp(load_1m)
timestamp(load_1m offset 1m)
timestamp(load_1m + 1)
absent(load_1m)
absent(nothing_at_all{a="b", c=~"d", e="f", e="g"})
absent(memory_rss_bytes{host="alpha", process="planner"})
absent(sum(nothing_at_all))
label_replace(load_1m, "short", "$1-$2", "host", "(.)(.).*")
label_replace(load_1m, "host", "", "host", "al.*")
label_replace(load_1m, "short", "${first}x", "host", "(?P<first>.).*")
label_replace(load_1m, "short", "$1", "host", "nothing(.*)")
sum(rate(cpu_time_ns[1m])) by (host) / on (host) cpu_count
100 * sum by (process) (increase(cpu_time_ns[1m])) / 60e9
max by (host) (max_over_time(load_1m[1m])) - min by (host) (min_over_time(load_1m[1m]))
sum(count_over_time({__name__=~".+"}[10s]))
""".strip().splitlines()


def comparable(answer: Any) -> dict[str, list[tuple[float, float]]]:
    """Return points by label set, whatever the kind of the result."""
    data = answer["data"]
    result = data["result"]
    if data["resultType"] in ("scalar", "string"):
        return {"": [(float(result[0]), float(result[1]))]}
    return {
        str(sorted(each["metric"].items())): [
            (float(at), float(value))
            for at, value in each.get("values") or [each["value"]]
        ]
        for each in result
    }


def difference(theirs: Any, ours: Any, tolerance: float = 1e-9) -> str:
    """Return where two answers differ; nothing if they do not."""
    if theirs["status"] == "error" or ours["status"] == "error":
        kinds = theirs.get("errorType"), ours.get("errorType")
        return "" if kinds[0] == kinds[1] else f"{theirs} != {ours}"[:500]
    if theirs["data"]["resultType"] != ours["data"]["resultType"]:
        return f"{theirs['data']['resultType']} != {ours['data']['resultType']}"
    expected, actual = comparable(theirs), comparable(ours)
    if expected.keys() != actual.keys():
        return f"only one has {sorted(expected.keys() ^ actual.keys())}"
    for labels, points in expected.items():
        found = actual[labels]
        if [at for at, _ in points] != [at for at, _ in found]:
            return f"{labels}: not at the same times"
        for (at, value), (_, other) in zip(points, found, strict=True):
            same = math.isclose(value, other, rel_tol=tolerance, abs_tol=1e-6)
            if not (
                same or value == other or (math.isnan(value) and math.isnan(other))
            ):
                return f"{labels} at {at}: {value} != {other}"
    return ""


async def own(answer: Awaitable[bytes]) -> Any:
    try:
        return msgspec.json.decode(await answer)
    except PrometheusError as exc:
        return {"status": "error", "errorType": exc.code, "error": str(exc)}


async def test_range_queries_are_answered_as_by_prometheus(
    reference: PrometheusServer, engine: Engine
) -> None:
    """At a step fine enough that samples are read as they were taken."""
    start, end, step = START + 7, START + SECONDS + 20, 7
    times = Times(start * SECOND, end * SECOND, step * SECOND)
    different = {}
    for query in EXPRESSIONS:
        form = {"query": query, "start": start, "end": end, "step": step}
        theirs = reference.ask("query_range", **form)
        ours = await own(engine.over_range(query, times, Bounds()))
        different[query] = difference(theirs, ours)
    assert [] == [f"{query}: {found}" for query, found in different.items() if found]


async def test_instant_queries_are_answered_as_by_prometheus(
    reference: PrometheusServer, engine: Engine
) -> None:
    different = {}
    for at in (60, 105.5, 130, 300.5, SECONDS + 10):
        moment = START + at
        for query in [*EXPRESSIONS, "load_1m[30s]", "sort(load_1m)"]:
            theirs = reference.ask("query", query=query, time=moment)
            ours = await own(engine.instant(query, round(moment * SECOND), Bounds()))
            different[f"{query} at {at}"] = difference(theirs, ours)
    assert [] == [f"{query}: {found}" for query, found in different.items() if found]


OF_WINDOWS = {
    "memory_rss_bytes": 1e-9,
    "load_1m": 1e-9,
    "cpu_time_ns": 1e-9,
    "max_over_time(load_1m[2m])": 1e-9,
    "min_over_time(memory_rss_bytes[1m])": 1e-9,
    "sum_over_time(load_1m[1m])": 1e-9,
    "avg_over_time(load_1m[1m])": 1e-9,
    "count_over_time(memory_rss_bytes[2m])": 1e-9,
    "last_over_time(load_1m[1m])": 1e-9,
    "rate(cpu_time_ns[1m])": 0.02,
    "increase(cpu_time_ns[2m])": 0.02,
    "sum by (host) (rate(cpu_time_ns[1m]))": 0.02,
}
"""Expressions, and by how much an answer made of windows may differ."""


@pytest.mark.parametrize("step", [10, 60])
async def test_rollups_tell_what_the_samples_told_prometheus(
    reference: PrometheusServer, engine: Engine, step: int
) -> None:
    """On whole windows; a rate may differ by what its ends are extrapolated by."""
    start, end = START + 240, START + 360
    times = Times(start * SECOND, end * SECOND, step * SECOND)
    different = {}
    for query, tolerance in OF_WINDOWS.items():
        form = {"query": query, "start": start, "end": end, "step": step}
        theirs = reference.ask("query_range", **form)
        ours = await own(engine.over_range(query, times, Bounds()))
        different[query] = difference(theirs, ours, tolerance)
    assert [] == [f"{query}: {found}" for query, found in different.items() if found]
