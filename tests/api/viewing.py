"""A viewer of the live websocket that notes all it is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect

from .conftest import Served


class Client:
    """One viewer."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.slots: dict[str, list[int]] = {}
        """By process; of the host and of GPUs under an empty name."""

        self.batches: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []

    async def subscribe(self, *series: dict[str, Any], **more: Any) -> None:
        request = {"op": "subscribe", "id": 7, "series": list(series)} | more
        await self.socket.send(json.dumps(request))
        with anyio.fail_after(20):
            while {"op": "subscribed", "id": 7} not in self.told:
                await self.receive()

    async def receive(self) -> None:
        message = json.loads(await self.socket.recv())
        self.told.append(message)
        for batch in message.get("batches", ()):
            self.batches.append(batch)
            name = batch.get("process", "")
            self.slots.setdefault(name, []).append(batch["slot"])

    async def receive_until(self, slot: int, name: str = "planner") -> None:
        with anyio.fail_after(30):
            while slot not in self.slots.get(name, ()):
                await self.receive()


@asynccontextmanager
async def viewing(
    served: Served, query: str = "", **options: Any
) -> AsyncIterator[Client]:
    url = served.url.replace("http", "ws") + "/api/v1/live" + query
    async with connect(url, **options) as socket:
        yield Client(socket)
