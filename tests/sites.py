"""A server with everything, beside the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import msgspec
from waiting import eventually

from robometrics.cli.server import server
from robometrics.settings import ServerSettings


@asynccontextmanager
async def serving(settings: ServerSettings, **changes: Any) -> AsyncIterator[None]:
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(server, msgspec.structs.replace(settings, **changes), stop)
        yield
        stop.set()


@asynccontextmanager
async def answering(settings: ServerSettings, **changes: Any) -> AsyncIterator[str]:
    """Serve, and yield the URL once it answers."""
    url = f"http://127.0.0.1:{settings.port}"
    async with serving(settings, **changes), httpx.AsyncClient() as http:

        async def answers() -> bool:
            try:
                return (await http.get(f"{url}/api/v1/health/live")).is_success
            except httpx.TransportError:
                return False

        await eventually(answers)
        yield url
