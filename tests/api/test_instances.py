"""What is measured one by one (a core, a mount) is asked for like what is not."""

from __future__ import annotations

import json
import time

import anyio
import pytest
from builders import host_batch
from websockets.asyncio.client import connect

from robometrics.schema import HostBatch, Previous

from .conftest import Served

SECOND = 1_000_000_000
MOUNT = "filesystem_used_bytes:=2Fmnt=2Fmy=20data"


def hosts(first_slot: int, count: int) -> list[HostBatch]:
    """Return batches of a host whose core 3 works a quarter of the time."""
    return [
        host_batch(
            slot=first_slot + i,
            metrics={
                "cpu_time_ns": [SECOND * i],
                "cpu_time_ns:3": [SECOND * i // 4],
                MOUNT: [1_000 + i],
            },
            previous=Previous(
                offset_ns=-SECOND,
                counters={
                    "cpu_time_ns": SECOND * (i - 1),
                    "cpu_time_ns:3": SECOND * (i - 1) // 4,
                },
            )
            if i
            else None,
        )
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("max_points", "resolution"), [(3600, "raw"), (360, "10s"), (60, "1m")]
)
async def test_a_query_derives_the_rate_of_one_core(
    served: Served, max_points: int, resolution: str
) -> None:
    now = int(time.time())
    start = now - now % 3600 - 7200
    await served.keep(*hosts(start, 120))
    answer = await served.get(
        "query",
        host="robot",
        metric=["cpu_percent:3", "cpu_percent", MOUNT],
        max_points=max_points,
        **{"from": start, "to": start + 3600},
    )
    [series] = answer["series"]
    assert resolution == series["resolution"]
    core, total, mount = (
        [value for value in series["metrics"][key]["values"] if value is not None]
        for key in ("cpu_percent:3", "cpu_percent", MOUNT)
    )
    assert [25.0] * len(core) == pytest.approx(core)
    assert [100.0] * len(total) == pytest.approx(total)
    assert len(core) == len(total) > 0
    assert mount == sorted(mount)
    assert "percent" == series["metrics"]["cpu_percent:3"]["unit"]


async def test_a_viewer_gets_every_instance_with_the_counters_before(
    served: Served,
) -> None:
    now = int(time.time())
    url = served.url.replace("http", "ws") + "/api/v1/live"
    request = {"op": "subscribe", "id": 1, "series": [{"host": "robot"}]}
    async with connect(url) as socket:
        await socket.send(json.dumps(request))
        with anyio.fail_after(30):
            while json.loads(await socket.recv()) != {"op": "subscribed", "id": 1}:
                pass
            await served.publish(hosts(now - 1, 2)[1])
            while not (batches := json.loads(await socket.recv()).get("batches")):
                pass
    [batch] = batches
    assert [SECOND // 4] == batch["metrics"]["cpu_time_ns:3"]
    assert 0 == batch["previous"]["counters"]["cpu_time_ns:3"]
    assert [1_001] == batch["metrics"][MOUNT]
