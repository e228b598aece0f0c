"""GPUs go the whole way: broker, both consumers, query, viewers and audit."""

from __future__ import annotations

import json
import time
from typing import Any

import anyio
import pytest
from builders import gpu_batch, host_batch, process_batch, tally
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from robometrics.broker import Puller
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.schema import GpuBatch, Previous
from robometrics.store.auditing import audit

from .conftest import Served

SECOND = 1_000_000_000
ENERGY = "gpu_energy_millijoules_total"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robometrics.consumers.rollup.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.broker.consumer.FETCH_SECONDS", 0.1)


@pytest.fixture
def start() -> int:
    """A whole minute, not long ago."""
    now = int(time.time())
    return now - now % 60 - 300


def gpu(start: int, second: int, index: int = 0, **changes: Any) -> GpuBatch:
    """Return a second of a GPU that draws 250 W and whose fan tells nothing."""
    joules = {ENERGY: 250_000 * (second - 1)}
    return gpu_batch(
        slot=start + second,
        index=index,
        uuid=f"GPU-{index}",
        metrics={
            "gpu_utilization_percent": [50 + second % 2],
            ENERGY: [250_000 * second],
            "gpu_fan_percent": [None],
        },
        previous=Previous(offset_ns=-SECOND, counters=joules) if second else None,
        **changes,
    )


async def through_the_pipeline(served: Served, *batches: Any) -> None:
    """Publish, and wait until both consumers have stored and folded it all."""
    await served.publish(*batches)
    stop = anyio.Event()
    loops = [
        make(served.link, served.store, fetch_batches=100) for make in (persist, rollup)
    ]
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tg:
            for loop in loops:
                tg.start_soon(loop.run, stop)
            for loop in loops:
                while await Puller(served.link, loop.name).pending():
                    await anyio.sleep(0.02)
            stop.set()


async def test_what_a_worker_publishes_of_gpus_can_be_asked_for(
    served: Served, start: int
) -> None:
    batches = [gpu(start, second, index) for second in range(60) for index in (0, 1)]
    process = process_batch(
        slot=start, metrics={"gpu_memory_used_bytes:1": [7]}, offset_ns=[0]
    )
    await through_the_pipeline(served, *batches, process)
    span = {"host": "robot", "from": start, "to": start + 60}
    metric = ["gpu_utilization_percent", "gpu_mean_power_watts", "gpu_fan_percent"]

    raw = await served.get("query", **span, gpu=[1, 0], metric=metric, resolution="raw")
    grid = await served.get("query", **span, gpu=0, metric=metric, max_points=6)
    mixed = await served.get(
        "query", **span, gpu=1, process="planner", metric="gpu_memory_used_bytes:1"
    )

    assert [("gpu", None, 1), ("gpu", None, 0)] == [
        (series["kind"], series["process"], series["gpu"]) for series in raw["series"]
    ]
    values = {
        name: found["values"] for name, found in raw["series"][0]["metrics"].items()
    }
    assert [50, 51] * 30 == values["gpu_utilization_percent"]
    assert [None, *[250.0] * 59] == values["gpu_mean_power_watts"]
    assert [None] * 60 == values["gpu_fan_percent"]
    [series] = grid["series"]
    assert [50.5] * 6 == series["metrics"]["gpu_utilization_percent"]["values"]
    assert [51] * 6 == series["metrics"]["gpu_utilization_percent"]["max"]
    assert [("process", "planner", None), ("gpu", None, 1)] == [
        (series["kind"], series["process"], series["gpu"]) for series in mixed["series"]
    ]


async def test_rollups_of_a_gpu_answer_for_long_ranges(
    served: Served, start: int
) -> None:
    await through_the_pipeline(served, *(gpu(start, second) for second in range(60)))

    answer = await served.get(
        "query",
        host="robot",
        gpu=0,
        metric=["gpu_mean_power_watts", "gpu_utilization_percent"],
        max_points=24,
        **{"from": start - 86_400, "to": start + 60},
    )

    [series] = answer["series"]
    means = {
        name: [value for value in found["values"] if value is not None]
        for name, found in series["metrics"].items()
    }
    assert "raw" != series["resolution"]
    assert {
        "gpu_mean_power_watts": [pytest.approx(250.0)],
        "gpu_utilization_percent": [50.5],
    } == means


async def test_gpus_are_listed_with_what_they_are(served: Served, start: int) -> None:
    now = int(time.time())
    await served.keep(
        *(gpu(now, 0, index, model="H100") for index in (0, 1, 10)),
        gpu(start - 3_600, 0, 2),
        host_batch(host="other", slot=now),
    )

    found = (await served.get("gpus", host="robot"))["gpus"]
    other = (await served.get("gpus", host="other"))["gpus"]

    assert [(0, "live"), (1, "live"), (2, "stale"), (10, "live")] == [
        (row["gpu"], row["state"]) for row in found
    ]
    assert ("GPU-10", "H100") == (found[-1]["uuid"], found[-1]["model"])
    assert [] == other
    await served.get("gpus", 404, host="nowhere")


async def test_a_gpu_that_is_not_there_is_not_found(served: Served, start: int) -> None:
    await served.keep(gpu(start, 0))

    metric = {"host": "robot", "metric": "gpu_utilization_percent"}
    problem = await served.get("query", 404, **metric, gpu=3)

    assert "no GPU 3 on 'robot'" in problem["detail"]
    await served.get("query", 400, **metric, gpu="first")


async def test_a_viewer_sees_a_gpu_live_after_its_past(served: Served) -> None:
    now = int(time.time())
    batches = [gpu(now - 10, second) for second in range(10)]
    await served.keep(*batches[:6])
    url = served.url.replace("http", "ws") + "/api/v1/live"
    slots: list[int] = []
    async with connect(url) as socket:
        wanted = [{"host": "robot", "gpu": 0, "since_ms": (now - 10) * 1000}]
        await socket.send(json.dumps({"op": "subscribe", "series": wanted}))
        with anyio.fail_after(30):
            while len(slots) < 6:
                message = json.loads(await socket.recv())
                slots += [batch["slot"] for batch in message.get("batches", ())]
            await served.publish(
                *batches[5:], gpu(now - 10, 9, index=1), host_batch(slot=now)
            )
            while len(slots) < 10:
                message = json.loads(await socket.recv())
                found = message.get("batches", ())
                assert {("gpu", 0)} >= {(b["kind"], b.get("index")) for b in found}
                slots += [batch["slot"] for batch in found]

    assert list(range(now - 10, now)) == slots


async def test_a_viewer_is_told_of_a_gap_of_a_gpu_by_its_index(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.api.live.REPAIR_SECONDS", 0.2)
    now = int(time.time())
    url = served.url.replace("http", "ws") + "/api/v1/live"
    told: list[dict[str, Any]] = []
    async with connect(url) as socket:
        wanted = [{"host": "robot", "gpu": 2}]
        await socket.send(json.dumps({"op": "subscribe", "series": wanted}))
        with anyio.fail_after(30):
            while not told:
                told.append(json.loads(await socket.recv()))
            await served.publish(gpu(now, 0, 2), gpu(now, 3, 2))
            while "gap" not in [each["op"] for each in told]:
                told.append(json.loads(await socket.recv()))

    [gap] = [each for each in told if each["op"] == "gap"]
    assert (2, None) == (gap["gpu"], gap["process"])


async def test_a_series_of_a_process_and_a_gpu_at_once_is_refused(
    served: Served,
) -> None:
    url = served.url.replace("http", "ws") + "/api/v1/live"
    async with connect(url) as socket:
        wanted = [{"host": "robot", "gpu": 0, "process": "planner"}]
        await socket.send(json.dumps({"op": "subscribe", "series": wanted}))
        with anyio.fail_after(30), pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert 4400 == closed.value.rcvd.code


@pytest.mark.parametrize("lost", [0, 7])
async def test_an_audit_counts_the_seconds_of_a_gpu(
    served: Served, start: int, lost: int
) -> None:
    taken = [gpu(start, second) for second in range(60)]
    host = [host_batch(slot=start + second) for second in range(60)]
    await through_the_pipeline(served, *host, *taken[lost:])
    await served.store.tallies.insert([tally(*host, *taken)])

    report = await audit(served.store, "robot", start, start + 60, on_its_way=0)

    [run] = [run for run in report.runs if run.kind == "gpu"]
    assert ("0", 60, lost) == (run.name, run.taken, run.missing)
