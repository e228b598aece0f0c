"""How much is stored of whom, and when the disk will be full."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from robometrics.api.fleet import HostName, require_host
from robometrics.api.problems import RESPONSES
from robometrics.keeping import Policy
from robometrics.store import Store
from robometrics.store.metering import measure
from robometrics.store.usage import Usage, narrowed

FRESH_SECONDS = 30.0
TOP_MAX = 1_000


class UsageMeter:
    """Measures once for all who ask within half a minute: it reads much."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store = store
        self._policy = policy
        self._measuring = asyncio.Lock()
        self._measured = -FRESH_SECONDS
        self._usage: Usage | None = None

    async def read(self) -> Usage:
        """Return what is used, as of at most half a minute ago.

        Raises:
            RetryLaterError: The database is away.
        """
        async with self._measuring:
            if self._usage is None or time.monotonic() > self._measured + FRESH_SECONDS:
                self._usage = await measure(self._store, self._policy, int(time.time()))
                self._measured = time.monotonic()
            return self._usage


class UsageController(Controller):
    """Parses the question; the store measures."""

    path = "/api/v1"
    tags = ("usage",)

    @get("/usage", responses=RESPONSES)
    async def usage(
        self,
        store: NamedDependency[Store],
        meter: NamedDependency[UsageMeter],
        host: HostName = None,
        top: Annotated[
            int,
            QueryParameter(
                ge=1, le=TOP_MAX, description="how many hosts and series to list"
            ),
        ] = 20,
    ) -> Usage:
        """Return what takes how much of the disk, and where that leads.

        Disk and parts are of the whole database, also of a question about one host.
        """
        if host is not None:
            await require_host(store, host)
        return narrowed(await meter.read(), host, top)
