"""What happened: for marks on the time axis, and for a list."""

from __future__ import annotations

import signal
from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from robometrics.api import parameters
from robometrics.api.problems import RESPONSES
from robometrics.queries.matching import Wanted, match
from robometrics.schema import Event, EventKind
from robometrics.store import Store
from robometrics.store.gaps import cause_text
from robometrics.times import parse_range, to_ms

_MS_PER_SECOND = 1_000


class EventRow(msgspec.Struct, kw_only=True):
    """One thing that happened on a host."""

    id: str
    at_ms: Annotated[float, msgspec.Meta(examples=[1_790_000_000_000.0])]
    """Milliseconds since the Unix epoch; of a gap, its end."""

    host: Annotated[str, msgspec.Meta(examples=["robot-7"])]
    event: Annotated[EventKind, msgspec.Meta(examples=["exited"])]
    text: Annotated[str, msgspec.Meta(examples=["ended by SIGSEGV"])]
    """For people."""

    process: Annotated[str | None, msgspec.Meta(examples=["planner"])]
    """The process it is about; ``null``: the whole host."""

    run: str | None
    pid: int | None
    exit_code: Annotated[int | None, msgspec.Meta(examples=[-11])]
    """Of what exited; negative is the number of a signal, ``null``: not known."""

    command: str | None
    """Of what was registered."""

    cause: str | None
    """Of a gap, for programs; one that this release does not know is of a newer worker.
    """

    from_ms: float | None
    """Begin of a gap."""

    to_ms: float | None
    """End of a gap; not in it."""

    missing: int | None
    """Batches a gap took; ``null`` if not known."""

    missing_samples: int | None
    """Samples it took of batches that are there; ``null`` if not known."""


class Events(msgspec.Struct, kw_only=True):
    """Events of one range, newest first."""

    from_ms: float
    to_ms: float
    more: bool
    """Whether older ones of the range were left out: ask for what was before the
    oldest of these. One that is there twice has the same id."""

    events: list[EventRow]


class EventController(Controller):
    """Parses the question; the store finds."""

    path = "/api/v1"
    tags = ("fleet",)

    @get("/events", responses=RESPONSES)
    async def list_events(
        self,
        store: NamedDependency[Store],
        host: parameters.Hosts,
        process: Annotated[
            list[parameters.Name] | None,
            QueryParameter(
                max_items=100,
                description="names or patterns, repeated: only what is about these, "
                "or about a whole host",
                examples=[Example(value=["planner"])],
            ),
        ] = None,
        from_: parameters.From = "-24h",
        to: parameters.To = "now",
        event: Annotated[
            list[EventKind] | None,
            QueryParameter(
                max_items=16,
                description="only these, repeated",
                examples=[Example(value=["exited", "gap"])],
            ),
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=5_000)] = 500,
    ) -> Events:
        """Return the newest events of hosts and their processes."""
        start_ns, stop_ns = parse_range("from", from_, "to", to)
        found = await match(store, Wanted(hosts=host, processes=process or ()))
        events = await store.events.read(
            {series.host for series in found},
            start_ns,
            stop_ns,
            processes={series.name for series in found} if process else None,
            kinds=event,
            limit=limit + 1,
        )
        return Events(
            from_ms=to_ms(start_ns),
            to_ms=to_ms(stop_ns),
            more=len(events) > limit,
            events=[_row(each) for each in events[:limit]],
        )


def _row(event: Event) -> EventRow:
    return EventRow(
        id=event.id,
        at_ms=to_ms(event.at_ns),
        host=event.host,
        event=event.event,
        text=text_of(event),
        process=event.process,
        run=event.run,
        pid=event.pid,
        exit_code=event.exit_code,
        command=event.command,
        cause=event.cause,
        from_ms=_slot_ms(event.from_slot),
        to_ms=None if event.to_slot is None else _slot_ms(event.to_slot + 1),
        missing=event.missing,
        missing_samples=event.missing_samples,
    )


def text_of(event: Event) -> str:
    """Return what happened, for people who see whom it is about beside it."""
    match event.event:
        case "gap":
            return cause_text(event.cause, event.reason)
        case "exited" if event.exit_code is not None:
            text = _how_it_ended(event.exit_code)
        case kind:
            text = kind.replace("_", " ")
    return f"{text}: {event.reason}" if event.reason else text


def _how_it_ended(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    try:
        return f"ended by {signal.Signals(-exit_code).name}"
    except ValueError:  # a real-time signal
        return f"ended by signal {-exit_code}"


def _slot_ms(slot: int | None) -> float | None:
    return None if slot is None else float(slot * _MS_PER_SECOND)
