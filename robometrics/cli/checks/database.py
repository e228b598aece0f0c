"""The database, what it keeps, and hosts that keep it no longer busy."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime, timezone

import msgspec

from robometrics.cli.checks.clocks import compare_clocks
from robometrics.cli.checks.finding import (
    Finding,
    Subject,
    duration,
    of_version,
    ok,
    problem,
    warning,
)
from robometrics.errors import RetryLaterError, SettingsError
from robometrics.store import DatabaseState, HostRow, Store, open_store
from robometrics.store.house import LEASE, HouseState
from robometrics.store.leases import Held

SILENT_SECONDS = 300.0
RETIRED_SECONDS = 7 * 86_400.0
"""A host silent for so long was taken away on purpose."""

_HOSTS_MAX = 1_000
_SERIES_MAX = 500
_HOUR = 3_600
_BEHIND_SECONDS = 3_600.0
_UNKEPT_SECONDS = 300.0
_NAMED_MAX = 5
_OLDEST_VERSION = (5, 3)  # has clustered collections
_TESTED_VERSION = (6, 0)


async def check_database(subject: Subject) -> AsyncIterator[Finding]:
    url = subject.server.mongo_url
    try:
        async with open_store(url, subject.server.mongo_database) as store:
            async for finding in _check_opened(store, subject):
                yield finding
    except RetryLaterError as exc:
        yield problem(
            "database",
            f"{_without_password(url)} is away: {str(exc).split(' (configured')[0]}",
            "start mongod or robometrics up there, or correct --mongo-url; until then "
            "the stream holds what comes",
        )
    except SettingsError as exc:
        yield problem("database", str(exc), "correct --mongo-url")


async def _check_opened(store: Store, subject: Subject) -> AsyncIterator[Finding]:
    asked = datetime.now(timezone.utc)
    state = await store.inspect()
    for finding in of_state(state, _without_password(subject.server.mongo_url)):
        yield finding
    yield compare_clocks("clock of database", state.now, asked)
    letters = await store.dead_letters.estimate()
    if letters:
        yield warning(
            "dead letters",
            f"{letters:,} messages were set aside",
            "robometrics dead-letters list says why; replay or drop them",
        )
    else:
        yield ok("dead letters", "none")
    held = await store.lease(LEASE).read()
    oldest_slot = await store.compactor.oldest_slot(_SERIES_MAX)
    after_seconds = subject.server.compact_after_seconds
    yield housekeeping(held, oldest_slot, after_seconds, time.time())
    yield silent_hosts(await store.fleet.latest_hosts(_HOSTS_MAX), time.time())


def of_state(state: DatabaseState, url: str) -> list[Finding]:
    """Return what *state* means."""
    version = of_version(
        "database",
        f"{url} answers, version {state.version}",
        state.version,
        program="MongoDB",
        oldest=_OLDEST_VERSION,
        tested=_TESTED_VERSION,
    )
    if not state.is_writable:
        copies = problem(
            "copies",
            f"{state.replica_set or 'it'} has no primary that takes writes",
            "bring back a majority of its members",
        )
    elif state.replica_set:
        copies = ok(
            "copies",
            f"replica set {state.replica_set} of {state.members}; writes wait for the "
            "journals of a majority",
        )
    else:
        copies = ok("copies", "standalone, one copy; writes wait for its journal")
    prepared = ok("collections", "all prepared")
    if state.missing:
        prepared = problem(
            "collections",
            f"not there, or not clustered: {', '.join(state.missing)}",
            "robometrics provision makes them; one of another kind must go first",
        )
    return [version, copies, prepared]


def housekeeping(
    held: Held | None, oldest_slot: int | None, compact_after_seconds: int, now: float
) -> Finding:
    """Judge whether what is stored is compacted, and deleted in its time.

    Args:
        held: Who keeps house, if anybody ever did.
        oldest_slot: Of the batches that are in no block.
        compact_after_seconds: How old they may become, beside their hour.
        now: Seconds since 1970.
    """
    name = "housekeeping"
    due = compact_after_seconds + _HOUR
    waiting = max(0.0, now - (oldest_slot or now) - due)
    if held is None or held.seconds_left < -_UNKEPT_SECONDS:
        since = f"for {duration(-held.seconds_left)}" if held else "so far"
        found = f"nobody kept house {since}"
        if waiting < _BEHIND_SECONDS:
            return ok(name, f"{found}; nothing waits for it")
        return warning(
            name,
            f"{found}: samples that are {duration(waiting + due)} old are not "
            "compacted, and nothing is deleted",
            "run robometrics-server with the role housekeeping; robometrics up does",
        )
    state = msgspec.convert(held.said or {}, HouseState)
    if state.problem:
        return warning(
            name, f"{held.holder}: {state.problem}", "its log has the details"
        )
    damaged = state.damaged_documents
    if state.backlog_seconds > _BEHIND_SECONDS:
        found = f"catching up: {duration(state.backlog_seconds)} behind"
    elif not state.last_done:
        found = "it has begun"
    else:
        found = ", ".join(
            f"{job} {duration(max(0, now - slot))} ago"
            for job, slot in state.last_done.items()
        )
    found = f"{held.holder}: {found}"
    if damaged:
        return warning(
            name,
            f"{found}; {damaged} documents are damaged, and stay where they are",
            "its log names them; has the disk errors?",
        )
    return ok(name, found)


def silent_hosts(rows: list[HostRow], now: float) -> Finding:
    """Return which hosts of *rows* fell silent lately."""
    silent = {row.host: now - row.last_slot for row in rows}
    lately = {
        host: seconds
        for host, seconds in silent.items()
        if SILENT_SECONDS < seconds < RETIRED_SECONDS
    }
    if not lately:
        return ok("hosts", f"none of {len(rows)} fell silent in the last days")
    named = [
        f"{host} ({duration(seconds)})"
        for host, seconds in sorted(lately.items(), key=lambda item: item[1])
    ]
    more = f" and {len(named) - _NAMED_MAX} more" if len(named) > _NAMED_MAX else ""
    return warning(
        "hosts",
        f"silent: {', '.join(named[:_NAMED_MAX])}{more}",
        "are they switched off? else run robometrics doctor there",
    )


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
