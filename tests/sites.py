"""A server with everything, beside the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec

from robometrics.cli.server import server
from robometrics.settings import ServerSettings


@asynccontextmanager
async def serving(settings: ServerSettings, **changes: Any) -> AsyncIterator[None]:
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(server, msgspec.structs.replace(settings, **changes), stop)
        yield
        stop.set()
