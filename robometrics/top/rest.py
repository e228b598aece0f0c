"""Ask the server for the fleet, runs, and the state of the pipeline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import httpx
import msgspec

from robometrics.errors import RetryLaterError, RoboMetricsError, SettingsError
from robometrics.schema import UNREADABLE
from robometrics.tokens import headers_of, not_let_in
from robometrics.top.answers import (
    Fleet,
    Gpus,
    Hosts,
    Pipeline,
    Processes,
    Run,
    Runs,
)

TIMEOUT_SECONDS = 5.0
_RUNS_MAX = 20
_DETAIL_CHARACTERS_MAX = 200
_ANSWER_BYTES_MAX = 64 << 20
"""Unpacked: who says it is a server may send a little that becomes much."""

T = TypeVar("T")


class _Problem(msgspec.Struct):
    detail: str = ""


class Rest:
    """A server's REST API, as far as it is shown."""

    def __init__(self, api_url: str, http: httpx.AsyncClient, token: str = "") -> None:
        self._api_url = api_url
        self._http = http
        self._token = token

    async def fleet(self) -> Fleet:
        """Return what there is.

        Raises:
            NotLoggedInError: It does not let us in.
            RetryLaterError: The server is away or busy.
            RoboMetricsError: What answers there is no server of ours.
        """
        hosts = await self._get("hosts", Hosts)
        processes = await self._get("processes", Processes)
        gpus = await self._get("gpus", Gpus)
        return Fleet(hosts=hosts.hosts, processes=processes.processes, gpus=gpus.gpus)

    async def pipeline(self) -> Pipeline:
        """Return how much waits where; raises as ``fleet`` does."""
        return await self._get("pipeline", Pipeline)

    async def runs(self, host: str, process: str) -> list[Run]:
        """Return the newest runs of a process, newest first; raises as ``fleet``."""
        asked = {"host": host, "process": process, "limit": str(_RUNS_MAX)}
        return (await self._get("runs", Runs, asked)).runs

    async def _get(
        self, path: str, kind: type[T], asked: dict[str, str] | None = None
    ) -> T:
        try:
            where, known = f"api/v1/{path}", headers_of(self._token)
            async with self._http.stream(
                "GET", where, params=asked, headers=known
            ) as answer:
                content = await self._content(answer)
        except httpx.HTTPError as exc:
            why = str(exc) or type(exc).__name__
            raise RetryLaterError(
                f"no server answers at {self._api_url}: {why}; start one with "
                "robometrics up, or say where it is with --url"
            ) from exc
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise not_let_in(self._api_url, self._token)
        try:
            if answer.is_success:
                return msgspec.json.decode(content, type=kind)
            problem = msgspec.json.decode(content, type=_Problem)
        except UNREADABLE as exc:
            raise RoboMetricsError(
                f"what answers at {self._api_url} is no RoboMetrics server, or an "
                f"older one: {answer.status_code}, {exc}"
            ) from exc
        detail = problem.detail[:_DETAIL_CHARACTERS_MAX]
        raise RetryLaterError(f"the server answers {answer.status_code}: {detail}")

    async def _content(self, answer: httpx.Response) -> bytes:
        content = bytearray()
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > _ANSWER_BYTES_MAX:
                raise RoboMetricsError(
                    f"what answers at {self._api_url} is no RoboMetrics server: it "
                    f"says more than {_ANSWER_BYTES_MAX >> 20} MiB"
                )
        return bytes(content)


@asynccontextmanager
async def open_rest(api_url: str, token: str = "") -> AsyncIterator[Rest]:
    """Yield the API at *api_url*; nothing is asked yet.

    Args:
        api_url: The server, as http://host:port.
        token: What it is shown, if it wants to know who asks.

    Raises:
        SettingsError: *api_url* is wrong.
    """
    try:
        base = httpx.URL(api_url)
    except httpx.InvalidURL as exc:
        raise SettingsError(f"api_url = {api_url!r}: {exc}") from exc
    if base.scheme not in ("http", "https") or not base.host:
        raise SettingsError(f"api_url = {api_url!r}: write it as http://host:port")
    async with httpx.AsyncClient(base_url=base, timeout=TIMEOUT_SECONDS) as http:
        yield Rest(api_url, http, token)


async def look(api_url: str, token: str = "") -> Fleet:
    """Return the fleet, once; raises as ``open_rest`` and ``Rest.fleet`` do."""
    async with open_rest(api_url, token) as rest:
        return await rest.fleet()
