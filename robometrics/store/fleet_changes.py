"""What batches and events change in the fleet's rows; every change commutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec
from pymongo import UpdateOne

from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    Event,
    GpuBatch,
    HostBatch,
    ProcessBatch,
    is_reported,
)
from robometrics.store.driver import plain
from robometrics.subjects import escape

CURRENT = (
    "outbox_messages",
    "clock_offset_ns",
    "outbox_bytes",
    "worker_batches_shed_total",
)
"""What a host's row shows of its worker's newest batch."""


def event_document(event: Event) -> dict[str, Any]:
    """Return *event* as it is stored: what it does not say is left out."""
    said = msgspec.structs.asdict(event).items()
    return {
        "_id": event.id,
        "at": moment(event.at_ns),
        **{key: value for key, value in said if value is not None and key != "id"},
    }


def event_in(document: Mapping[str, Any]) -> Event:
    """Return the event that *document* was made of, as far as it is there."""
    names = Event.__struct_fields__
    said = {key: plain(value) for key, value in document.items() if key in names}
    return Event(id=document["_id"], **said)


def moment(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / NS_PER_SECOND, timezone.utc)


def joined(*names: str) -> str:
    return "/".join(escape(name) for name in names)


def see_host(batch: AnyBatch, span: dict[str, Any]) -> UpdateOne:
    latest = span["$max"]
    if tells_of_worker(batch):
        current = {"slot": batch.slot, **{key: newest(batch, key) for key in CURRENT}}
        latest = {**latest, "current": current}
    return UpdateOne(
        {"_id": escape(batch.host)},
        {
            "$min": span["$min"],
            "$max": latest,
            "$setOnInsert": {"host": batch.host},
        },
        upsert=True,
    )


def tells_of_worker(batch: AnyBatch) -> bool:
    """Tell whether *batch* is a host's own, and was not posted by others."""
    return isinstance(batch, HostBatch) and not is_reported(batch.run)


def newest(batch: AnyBatch, key: str) -> Any:
    """Return the last value of a metric, ``None`` if there is none."""
    known = [value for value in batch.metrics.get(key, ()) if value is not None]
    return known[-1] if known else None


def host_facts(event: Event) -> list[UpdateOne]:
    """Return what makes a host known, and what it is, if *event* says so."""
    if event.facts is None:
        return []
    slot = event.at_ns // NS_PER_SECOND
    latest = {"last_slot": slot, "facts": {"at_ns": event.at_ns, "known": event.facts}}
    return [
        UpdateOne(
            {"_id": escape(event.host)},
            {
                "$min": {"first_slot": slot},
                "$max": latest,
                "$setOnInsert": {"host": event.host},
            },
            upsert=True,
        )
    ]


def see_process(batch: ProcessBatch, span: dict[str, Any]) -> UpdateOne:
    current = {"slot": batch.slot, "run": batch.run, "pid": batch.pid}
    return UpdateOne(
        {"_id": joined(batch.host, batch.process)},
        {
            "$min": span["$min"],
            "$max": {**span["$max"], "current": current},
            "$setOnInsert": {"host": batch.host, "process": batch.process},
        },
        upsert=True,
    )


def see_gpu(batch: GpuBatch, span: dict[str, Any]) -> UpdateOne:
    current = {"slot": batch.slot, "uuid": batch.uuid, "model": batch.model}
    return UpdateOne(
        {"_id": joined(batch.host, batch.name)},
        {
            "$min": span["$min"],
            "$max": {**span["$max"], "current": current},
            "$setOnInsert": {"host": batch.host, "index": batch.index},
        },
        upsert=True,
    )


def registered(event: Event) -> list[UpdateOne]:
    """Return what makes a process known that ends before its first batch."""
    if event.event != "registered" or event.process is None or event.run is None:
        return []
    slot = event.at_ns // NS_PER_SECOND
    current = {"slot": slot, "run": event.run, "pid": event.pid or 0}
    return [
        UpdateOne(
            {"_id": joined(event.host, event.process)},
            {
                "$min": {"first_slot": slot},
                "$max": {"last_slot": slot, "current": current},
                "$setOnInsert": {"host": event.host, "process": event.process},
            },
            upsert=True,
        )
    ]


def see_run(batch: ProcessBatch, span: dict[str, Any]) -> UpdateOne:
    names = {"host": batch.host, "process": batch.process, "run": batch.run}
    return UpdateOne(
        {"_id": joined(batch.host, batch.process, batch.run)},
        {**span, "$set": {**names, "pid": batch.pid}},
        upsert=True,
    )


def run_changes(event: Event) -> list[UpdateOne]:
    """Return what *event* says of a run, if it does."""
    change = _run_change(event)
    if change is None or event.process is None or event.run is None:
        return []
    identity = joined(event.host, event.process, event.run)
    return [UpdateOne({"_id": identity}, change, upsert=True)]


def _run_change(event: Event) -> dict[str, Any] | None:
    if event.process is None or event.run is None:
        return None
    names = {"host": event.host, "process": event.process, "run": event.run}
    if event.event == "registered":
        registered = {
            "at_ns": event.at_ns,
            "pid": event.pid,
            "started_at_ns": event.started_at_ns,
            "command": event.command or "",
            "tags": event.tags or {},
            "ancestors": event.ancestors or [],
        }
        # It was seen then: until its first batch is noted it is among the newest, too.
        seen = {"registered": registered, "last_slot": event.at_ns // NS_PER_SECOND}
        return {"$set": names, "$max": seen}
    if event.event in ("exited", "unregistered"):
        ended = {"at_ns": event.at_ns, "how": event.event, "code": event.exit_code}
        latest: dict[str, Any] = {"ended": ended}
        if event.reason is None:  # else its end was found out later
            latest["last_slot"] = event.at_ns // NS_PER_SECOND
        return {"$set": names, "$max": latest}
    return None
