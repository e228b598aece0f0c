"""Who is seen in tests of the fleet, and what is known of them then."""

from __future__ import annotations

from typing import Any

from builders import SLOT, event

from robometrics.schema import NS_PER_SECOND, AnyBatch, Event
from robometrics.store import RunRow, Store
from robometrics.store.sightings import Sightings

RUN = "ab12cd34-42-777"
AT = SLOT * NS_PER_SECOND


def registered(at_ns: int = AT, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"r-{at_ns}",
        "event": "registered",
        "at_ns": at_ns,
        "process": "planner",
        "run": RUN,
        "pid": 42,
        "started_at_ns": AT - 1,
        "command": "planner --fast",
        "tags": {"team": "nav"},
    }
    return event(**values | changes)


def ended(at_ns: int, how: str = "exited", **changes: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"x-{at_ns}",
        "event": how,
        "at_ns": at_ns,
        "process": "planner",
        "run": RUN,
        "exit_code": 3 if how == "exited" else None,
    }
    return event(**values | changes)


async def fresh(store: Store) -> None:
    """Empty the rows, and forget what was written."""
    for collection in ("hosts", "processes", "runs", "events"):
        await store._database[collection].delete_many({})
    store.fleet._sightings = Sightings()


async def see(store: Store, *batches: AnyBatch) -> None:
    """See *batches*, and write it."""
    await store.fleet.see(batches)
    await store.fleet.settle(everything=True)


async def only_run(store: Store) -> RunRow:
    [run] = await store.fleet.runs("robot", limit=10)
    return run
