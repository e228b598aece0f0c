"""What a worker of the first release posts, field by field, in its order."""

from __future__ import annotations

import time
from typing import Any

import httpx
from consumers.consuming import run_until_drained

from robometrics.broker import Link, measure_depth
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup

from .conftest import Served

STATIC = {
    "cpu_count": 8,
    "cpu_freq": 2400.123456,
    "total_memory": 31.25,
    "total_gpu_memory": 8192.0,
    "gpu_name": "Stand-in",
    "gpu_count": 1,
    "gpu_driver_version": "550.54",
    "gpu_memory": 8192.0,
}
MACHINE = {
    "cpu_percent": 12.5,
    "memory_percent": 40.25,
    "gpu_percent": 0.125,
    "gpu_memory_percent": 0.125,
    "cpu_temp": 51.0,
    "gpu_temp": 48.0,
    "gpu_fan_speed": 30.0,
    "gpu_power_usage": 55_321,
}
PROCESS = {
    "pid": 42,
    "name": "planner=python3",
    "cpu_percent": 150.5,
    "memory_percent": 1.5,
    "gpu_memory": 1 << 30,
    "gpu_memory_percent": 0.0625,
    "status": "running",
    "create_time": 1_790_000_000.25,
    "num_threads": 7,
    "threads": [42, 43],
    "ParentProcess": None,
}


async def waiting(link: Link) -> int:
    """Return how many messages wait in the stream."""
    return (await measure_depth(link)).stream.messages


class OldWorker:
    """Posts to a server, as the machine ``r2d2``."""

    def __init__(self, served: Served) -> None:
        self.served = served

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = await self.served.http.post(f"/intake/{path}/r2d2", json=body)
        assert status == answer.status_code, answer.text
        return answer.json()

    async def say(self, path: str, body: Any) -> httpx.Response:
        return await self.served.http.post(f"/intake/{path}/r2d2", json=body)

    async def read(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = await self.served.http.get(f"/serve/{path}", params=params)
        assert 200 == answer.status_code, answer.text
        found = answer.json()
        assert isinstance(found, list)
        return found

    async def drain(self) -> None:
        """Have the consumers take in all that the stream holds."""
        await run_until_drained(self.served.link, self.served.store, persist, rollup)


def now() -> float:
    return time.time()
