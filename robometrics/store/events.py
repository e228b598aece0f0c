"""What happened on hosts, as their workers told it."""

from __future__ import annotations

from collections.abc import Collection

from pymongo import DESCENDING
from pymongo.errors import ExecutionTimeout

from robometrics.errors import QueryTimeoutError
from robometrics.schema import Event
from robometrics.store.driver import Database
from robometrics.store.failures import translated
from robometrics.store.fleet_changes import event_in, moment

READ_SECONDS_MAX = 20
"""An index leads to the events of a host by time; what is few of many may take long."""


class EventLog:
    """The events in one database."""

    def __init__(self, database: Database) -> None:
        self._events = database["events"]

    async def read(
        self,
        hosts: Collection[str],
        start_ns: int,
        stop_ns: int,
        *,
        limit: int,
        processes: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
    ) -> list[Event]:
        """Return the newest events of *hosts* in a range, newest first.

        Args:
            hosts: Whose.
            start_ns: Begin of the range, ns since the Unix epoch; to a millisecond.
            stop_ns: Its end, not included.
            limit: At most so many.
            processes: Only those about these, and about whole hosts.
            kinds: Only these, see ``schema.EventKind``.

        Raises:
            QueryTimeoutError: It takes too long.
            RetryLaterError: The database is away.
        """
        wanted = {
            "host": {"$in": list(hosts)},
            "at": {"$gte": moment(start_ns), "$lt": moment(stop_ns)},
        }
        if processes is not None:
            wanted["process"] = {"$in": [*processes, None]}  # null: the host's own
        if kinds is not None:
            wanted["event"] = {"$in": list(kinds)}
        with translated():
            found = self._events.find(wanted, {"facts": 0}).sort("at", DESCENDING)
            cursor = found.limit(limit).max_time_ms(READ_SECONDS_MAX * 1_000)
            try:
                events = [event_in(document) async for document in cursor]
            except ExecutionTimeout as exc:
                raise QueryTimeoutError(
                    f"no events within {READ_SECONDS_MAX} s; narrow the range"
                ) from exc
        return sorted(events, key=lambda event: event.at_ns, reverse=True)
