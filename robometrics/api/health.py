"""Whether the server lives, and whether it can do its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from robometrics import __version__
from robometrics.broker import Link
from robometrics.errors import RetryLaterError
from robometrics.store import Store


class Watched(Protocol):
    """A part of the server that tells how it is, such as a consumer."""

    name: str
    problem: str
    absorbed: int
    discarded: int


class Consumers:
    """The consumers that run in this process."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self.watched = watched


class Alive(msgspec.Struct):
    """The process answers."""

    status: str = "ok"
    version: str = __version__


class Part(msgspec.Struct, kw_only=True):
    """One thing the server needs or does."""

    ok: bool
    problem: str = ""
    absorbed: int | None = None
    """Messages a consumer has stored since its start."""

    discarded: int | None = None
    """Messages it set aside as dead letters since its start."""


class Readiness(msgspec.Struct, kw_only=True):
    """All parts, by name."""

    status: str
    parts: dict[str, Part]


class HealthController(Controller):
    """Open to everyone: orchestrators ask without credentials."""

    path = "/api/v1/health"
    tags = ("health",)

    @get("/live")
    async def live(self) -> Alive:
        """Return 200 as long as the process answers at all."""
        return Alive()

    @get("/ready")
    async def ready(
        self,
        link: NamedDependency[Link],
        store: NamedDependency[Store],
        consumers: NamedDependency[Consumers],
    ) -> Response[Readiness]:
        """Return 200 if broker, database and consumers work, else 503 and why."""
        parts = {"broker": _broker(link), "database": await _database(store)}
        for each in consumers.watched:
            parts[each.name] = Part(
                ok=not each.problem,
                problem=each.problem,
                absorbed=each.absorbed,
                discarded=each.discarded,
            )
        ok = _all_ok(parts)
        status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
        answer = Readiness(status="ok" if ok else "unavailable", parts=parts)
        return Response(answer, status_code=status)


def _all_ok(parts: Mapping[str, Part]) -> bool:
    return all(part.ok for part in parts.values())


def _broker(link: Link) -> Part:
    if link.is_up:
        return Part(ok=True)
    return Part(ok=False, problem=link.last_error or "not connected yet")


async def _database(store: Store) -> Part:
    try:
        await store.ping()
    except RetryLaterError as exc:
        return Part(ok=False, problem=str(exc))
    return Part(ok=True)
