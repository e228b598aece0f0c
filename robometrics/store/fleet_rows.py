"""The rows of the fleet, as documents and as readers see them."""

from __future__ import annotations

from typing import Any

import msgspec

from robometrics.store.driver import plain
from robometrics.store.fleet_changes import CURRENT, joined


class HostRow(msgspec.Struct, kw_only=True):
    """One host; slots are seconds since the Unix epoch."""

    host: str
    first_slot: int
    last_slot: int
    process_count: int = 0
    outbox_messages: int | None = None
    """Not yet acknowledged, as the host last said; ``None`` if it never did."""

    clock_offset_ns: int | None = None
    """The host's clock minus the server's."""

    outbox_bytes: int | None = None
    worker_batches_shed_total: int | None = None
    """Batches its outbox gave up since the worker started."""

    facts: dict[str, str | int | float] = {}
    """What the machine is, as it last said; see ``schema.Event.facts``."""

    facts_at_ns: int | None = None
    """When it said so, ns since the Unix epoch; ``None`` if it never did."""


class ProcessRow(msgspec.Struct, kw_only=True):
    """One process name on a host, with its latest run."""

    host: str
    process: str
    first_slot: int
    last_slot: int
    run: str
    pid: int


class GpuRow(msgspec.Struct, kw_only=True):
    """One GPU of a host, as it last was."""

    host: str
    index: int
    first_slot: int
    last_slot: int
    uuid: str
    model: str


class RunRow(msgspec.Struct, kw_only=True):
    """One incarnation of a process; times in ns since the Unix epoch."""

    host: str
    process: str
    run: str
    pid: int = 0
    first_slot: int | None = None
    last_slot: int | None = None
    started_at_ns: int | None = None
    registered_ns: int = 0
    ended_ns: int | None = None
    end: str | None = None
    """``exited`` or ``unregistered``; ``None`` while it goes on."""

    exit_code: int | None = None
    command: str = ""
    tags: dict[str, str] = {}
    ancestors: list[str] = []
    """Runs of its parent, of that one's parent, and so on, when it was registered."""


def process_key(row: ProcessRow) -> str:
    """Return the key of *row* in the answer of ``runs_of``."""
    return joined(row.host, row.process)


def process_row(row: dict[str, Any]) -> ProcessRow:
    return ProcessRow(
        host=row["host"],
        process=row["process"],
        first_slot=row["first_slot"],
        last_slot=row["last_slot"],
        run=row["current"]["run"],
        pid=row["current"]["pid"],
    )


def gpu_row(row: dict[str, Any]) -> GpuRow:
    return GpuRow(
        host=row["host"],
        index=row["index"],
        first_slot=row["first_slot"],
        last_slot=row["last_slot"],
        uuid=row["current"]["uuid"],
        model=row["current"]["model"],
    )


def host_row(row: dict[str, Any], process_count: int) -> HostRow:
    facts = row.get("facts", {})
    return HostRow(
        host=row["host"],
        first_slot=row["first_slot"],
        last_slot=row["last_slot"],
        process_count=process_count,
        facts={key: plain(value) for key, value in facts.get("known", {}).items()},
        facts_at_ns=plain(facts.get("at_ns")),
        **{key: plain(row.get("current", {}).get(key)) for key in CURRENT},
    )


def run_row(row: dict[str, Any]) -> RunRow:
    ended = row.get("ended")
    request = row.get("registered", {})
    registered_ns = plain(request.get("at_ns", 0))
    if ended is not None and ended["at_ns"] < registered_ns:
        ended = None  # it was registered again after that
    return RunRow(
        host=row["host"],
        process=row["process"],
        run=row["run"],
        pid=row.get("pid") or request.get("pid") or 0,
        first_slot=row.get("first_slot"),
        last_slot=row.get("last_slot"),
        started_at_ns=plain(request.get("started_at_ns")),
        registered_ns=registered_ns,
        ended_ns=plain(ended["at_ns"]) if ended else None,
        end=ended["how"] if ended else None,
        exit_code=ended["code"] if ended else None,
        command=request.get("command", ""),
        tags=request.get("tags", {}),
        ancestors=request.get("ancestors", []),
    )
