"""How far behind each stage is, from the hosts' outboxes to the database."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import msgspec
from litestar import get
from litestar.di import NamedDependency

from robometrics.api.probe import Probe
from robometrics.broker import Depth, DurableDepth, Link, StreamDepth, measure_depth
from robometrics.store import HostRow, Store
from robometrics.times import to_ms

HOSTS_MAX = 1_000
"""Hosts whose figures are shown; the most recently seen ones."""

SHOWN_HOSTS_MAX = 100
"""Of these the pipeline's endpoint lists the ones that hold most."""

_MS_PER_SECOND = 1_000


class Stored(NamedTuple):
    """What the database tells of the pipeline."""

    dead_letters: int
    hosts: list[HostRow]


class Outcome(NamedTuple):
    """What a server answered, or why it did not."""

    depth: Depth | None
    stored: Stored | None
    stream_problem: str
    database_problem: str


class Gauges:
    """The questions about depth; shared by health, metrics and the page."""

    def __init__(self, link: Link, store: Store) -> None:
        async def stored() -> Stored:
            return Stored(
                await store.dead_letters.estimate(),
                await store.fleet.latest_hosts(HOSTS_MAX),
            )

        self._depth = Probe("the broker", lambda: measure_depth(link))
        self._stored = Probe("MongoDB", stored)
        self._ping = Probe("MongoDB", store.ping)

    async def read(self) -> Outcome:
        """Return what there is to know now, in bounded time."""
        depth, stored = await asyncio.gather(self._depth.tried(), self._stored.tried())
        return Outcome(depth[0], stored[0], depth[1], stored[1])

    async def ping_database(self) -> str:
        """Return why the database does not answer; empty if it does."""
        _, problem = await self._ping.tried()
        return problem


class PartState(msgspec.Struct):
    """Whether a server answers, and if not, why."""

    ok: bool
    problem: str = ""


class BrokerState(PartState):
    """The same, and where workers may find it."""

    address: Annotated[str, msgspec.Meta(examples=["127.0.0.1:4222"])] = ""
    """Host and port as the server connects to it, without its credentials."""


class StreamState(msgspec.Struct, kw_only=True):
    """What waits in the stream until every consumer has it."""

    messages: Annotated[int, msgspec.Meta(examples=[12_400])]
    bytes: int
    max_bytes: int
    percent_full: Annotated[float, msgspec.Meta(examples=[7.2])]
    oldest_age_seconds: float | None


class HostState(msgspec.Struct, kw_only=True):
    """What a host said last of its outbox."""

    host: Annotated[str, msgspec.Meta(examples=["robot-7"])]
    outbox_messages: int
    outbox_bytes: int | None
    clock_offset_ms: float | None
    """The host's clock less the server's; ``null`` if not known."""

    last_seen_ms: float


class Pipeline(msgspec.Struct, kw_only=True):
    """Each stage; ``null`` where the server that knows it is away."""

    now_ms: float
    broker: BrokerState
    database: PartState
    stream: StreamState | None
    consumers: dict[str, DurableDepth] | None
    """What each durable has not acknowledged."""

    dead_letters: int | None
    hosts: list[HostState] | None
    """Those that hold most, most first; at most 100."""


@get("/api/v1/pipeline", tags=["health"])
async def pipeline(
    link: NamedDependency[Link], gauges: NamedDependency[Gauges]
) -> Pipeline:
    """Return how much waits at each stage on its way to the database."""
    found = await gauges.read()
    broker_problem = "" if link.is_up else link.last_error or "not connected"
    problem = broker_problem or found.stream_problem
    return Pipeline(
        now_ms=time.time() * _MS_PER_SECOND,
        broker=BrokerState(not problem, problem, address_of(link.url)),
        database=PartState(not found.database_problem, found.database_problem),
        stream=stream_state(found.depth.stream) if found.depth else None,
        consumers=found.depth.durables if found.depth else None,
        dead_letters=found.stored.dead_letters if found.stored else None,
        hosts=_hosts(found.stored.hosts) if found.stored else None,
    )


def address_of(url: str) -> str:
    """Return host and port of *url*, and nothing that is secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def stream_state(depth: StreamDepth) -> StreamState:
    return StreamState(
        messages=depth.messages,
        bytes=depth.bytes,
        max_bytes=depth.max_bytes,
        percent_full=round(100 * depth.filled_ratio, 1),
        oldest_age_seconds=depth.oldest_age_seconds,
    )


def _hosts(rows: list[HostRow]) -> list[HostState]:
    held = [row for row in rows if row.outbox_messages is not None]
    held.sort(key=lambda row: row.outbox_messages or 0, reverse=True)
    return [
        HostState(
            host=row.host,
            outbox_messages=row.outbox_messages or 0,
            outbox_bytes=row.outbox_bytes,
            clock_offset_ms=(
                None if row.clock_offset_ns is None else to_ms(row.clock_offset_ns)
            ),
            last_seen_ms=float(row.last_slot * _MS_PER_SECOND),
        )
        for row in held[:SHOWN_HOSTS_MAX]
    ]
