"""Whether the server lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Literal, Protocol

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from robometrics import __version__
from robometrics.api.pipeline import Gauges, Outcome, StreamState, stream_state
from robometrics.broker import Link
from robometrics.store.house import HouseState

STREAM_FULL_PERCENT = 90


class Watched(Protocol):
    """A part of the server that tells how it is, such as a consumer."""

    name: str
    problem: str
    absorbed: int
    discarded: int
    optional: bool
    """Whether the server does its work without it."""


class Keeper(Protocol):
    """The part that keeps house."""

    name: str
    state: HouseState


class Consumers:
    """The consumers that run in this process, and its housekeeper."""

    def __init__(
        self, watched: Sequence[Watched], keeper: Keeper | None = None
    ) -> None:
        self.watched = watched
        self.keeper = keeper


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

    optional: bool = False
    """Whether the server does its work without it."""

    pending: int | None = None
    """Messages that all copies of a consumer have not stored yet."""

    stream: StreamState | None = None
    housekeeping: HouseState | None = None


class Readiness(msgspec.Struct, kw_only=True):
    """All parts, by name."""

    status: Literal["ok", "degraded", "unavailable"]
    """``degraded``: it works, but not for long; a part says why, and what to do."""

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
        gauges: NamedDependency[Gauges],
        consumers: NamedDependency[Consumers],
    ) -> Response[Readiness]:
        """Return 200 if broker, database and consumers work, else 503 and why."""
        answer = await readiness(link, gauges, consumers)
        if answer.status == "unavailable":
            return Response(answer, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(answer, status_code=HTTPStatus.OK)


async def readiness(link: Link, gauges: Gauges, consumers: Consumers) -> Readiness:
    """Ask broker, database and consumers how they are."""
    found, problem = await asyncio.gather(gauges.read(), gauges.ping_database())
    parts = {
        "broker": _broker(link),
        "database": Part(ok=not problem, problem=problem),
        "stream": _stream(found),
    }
    for each in consumers.watched:
        parts[each.name] = Part(
            ok=not each.problem,
            problem=each.problem,
            absorbed=each.absorbed,
            discarded=each.discarded,
            optional=each.optional,
            pending=_pending(found, each.name),
        )
    if keeper := consumers.keeper:
        parts[keeper.name] = Part(
            ok=not keeper.state.problem,
            problem=keeper.state.problem,
            housekeeping=keeper.state,
        )
    return Readiness(status=_status(parts), parts=parts)


def _status(
    parts: Mapping[str, Part],
) -> Literal["ok", "degraded", "unavailable"]:
    broken = [part for part in parts.values() if not part.ok]
    if not broken:
        return "ok"
    # A full stream, a house that is not kept, or a system of others that is away, is no
    # reason to take the page away from those who look why.
    is_usable = all(
        part.stream or part.housekeeping or part.optional for part in broken
    )
    return "degraded" if is_usable else "unavailable"


def _broker(link: Link) -> Part:
    if link.is_up:
        return Part(ok=True)
    return Part(ok=False, problem=link.last_error or "not connected yet")


def _stream(found: Outcome) -> Part:
    if found.depth is None:
        return Part(ok=False, problem=found.stream_problem)
    state = stream_state(found.depth.stream)
    problem = fill_problem(state.percent_full)
    return Part(ok=not problem, problem=problem, stream=state)


def fill_problem(percent_full: float) -> str:
    """Return what is wrong with a stream so full, and what to do; empty if nothing."""
    if percent_full < STREAM_FULL_PERCENT:
        return ""
    return (
        f"the stream is {percent_full:.0f} % full, and at 100 % the hosts must hold "
        "what they measure: see why the consumers are behind, run more copies of "
        "them, or raise --stream-max-bytes"
    )


def _pending(found: Outcome, name: str) -> int | None:
    durable = found.depth.durables.get(name) if found.depth else None
    return durable.waiting if durable else None
