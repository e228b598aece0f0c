"""What a fleet takes, reckoned from what its parts were measured to cost. Pure.

``docs/scale.md`` shows the table and says where each cost comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import msgspec

from robometrics.settings import ServerSettings

SECONDS_PER_DAY = 86_400
HOSTS = (10, 1_000, 100_000)
PROCESSES = 10


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What one of something costs; CPU in millionths of a second."""

    worker_us_per_process: float = 28.0
    """A second of one process, 1 Hz, all the worker does for it."""

    broker_us_per_message: float = 56.0
    """One server: taken in, kept, given to both consumers, and acknowledged by them."""

    persist_us_per_message: float = 100.0
    rollup_us_per_message: float = 85.0
    database_us_per_message: float = 300.0
    """One server, for both consumers."""

    process_message_bytes: int = 646
    host_message_bytes: int = 4_217
    envelope_bytes: int = 190
    """Subject, id, and what the protocol adds to a message."""

    process_raw_bytes: float = 9.9
    """On disk: a sample of a process, compacted."""

    host_raw_bytes: float = 90.0
    windows_10s_bytes: float = 14.1
    """On disk: of windows, for each sample of a process at 1 Hz."""

    windows_1m_bytes: float = 2.9
    windows_1h_bytes: float = 0.1
    host_values_ratio: float = 9.2
    """How many times the values of a process a host has: so are its windows larger."""

    stream_messages_per_second: float = 20_000.0
    """What one stream takes with three copies: it has one leader."""

    connections_per_broker: int = 10_000
    busy_share: float = 0.6
    """Of a core that is planned with; the rest is for catching up."""


class Fleet(msgspec.Struct, frozen=True):
    """How many hosts, with how many processes each at 1 Hz."""

    hosts: int
    processes: int = PROCESSES


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet takes."""

    messages_per_second: float
    bytes_per_second: float
    worker_core_percent: float
    """Of one core, on each host."""

    broker_cores: float
    """For one copy of each message; each further copy costs about as much again."""

    persist_copies: int
    rollup_copies: int
    consumer_cores: float
    database_cores: float
    bytes_per_day: float
    kept_bytes: float
    """Once the default retention holds it."""

    subjects: int
    connections: int
    streams: int
    """Each with a broker cluster of its own, that its leader does not share."""

    brokers: int


def needs(fleet: Fleet, costs: Costs) -> Needs:
    """Reckon what *fleet* takes."""
    hosts, processes = fleet.hosts, fleet.hosts * fleet.processes
    messages = float(hosts + processes)
    bodies = hosts * costs.host_message_bytes + processes * costs.process_message_bytes
    streams = ceil(messages / costs.stream_messages_per_second)
    per_day, kept = _disk(hosts, processes, costs)

    def cores(us_per_message: float) -> float:
        return messages * us_per_message / 1e6

    def copies(us_per_message: float) -> int:
        return ceil(cores(us_per_message) / costs.busy_share)

    least = 1 if streams == 1 and hosts <= _ONE_BROKER_HOSTS else 3
    return Needs(
        messages_per_second=messages,
        bytes_per_second=bodies + messages * costs.envelope_bytes,
        worker_core_percent=costs.worker_us_per_process * fleet.processes / 1e4,
        broker_cores=cores(costs.broker_us_per_message),
        persist_copies=copies(costs.persist_us_per_message),
        rollup_copies=copies(costs.rollup_us_per_message),
        consumer_cores=cores(
            costs.persist_us_per_message + costs.rollup_us_per_message
        ),
        database_cores=cores(costs.database_us_per_message),
        bytes_per_day=per_day,
        kept_bytes=kept,
        subjects=2 * hosts + processes,
        connections=hosts,
        streams=streams,
        brokers=max(least * streams, ceil(hosts / costs.connections_per_broker)),
    )


_ONE_BROKER_HOSTS = 100
"""A site so small can do without a second machine."""


def _disk(hosts: int, processes: int, costs: Costs) -> tuple[float, float]:
    """Return bytes of a day, and those that the default retention comes to."""
    days = ServerSettings()
    windows = processes + hosts * costs.host_values_ratio
    daily = {
        days.keep_raw_days: processes * costs.process_raw_bytes
        + hosts * costs.host_raw_bytes,
        days.keep_10s_days: windows * costs.windows_10s_bytes,
        days.keep_1m_days: windows * costs.windows_1m_bytes,
        days.keep_1h_days: windows * costs.windows_1h_bytes,
    }
    kept = sum(keep * each for keep, each in daily.items())
    return sum(daily.values()) * SECONDS_PER_DAY, kept * SECONDS_PER_DAY


_LINES: Sequence[tuple[str, Callable[[Needs], str]]] = (
    ("messages a second", lambda n: _round(n.messages_per_second)),
    ("bytes a second into the broker", lambda n: _size(n.bytes_per_second)),
    ("worker, of one core of its host", lambda n: f"{n.worker_core_percent:.2g} %"),
    ("cores: broker, one copy", lambda n: _round(n.broker_cores)),
    ("cores: consumers", lambda n: _round(n.consumer_cores)),
    ("cores: database, one copy", lambda n: _round(n.database_cores)),
    ("copies of persist", lambda n: _round(n.persist_copies)),
    ("copies of rollup", lambda n: _round(n.rollup_copies)),
    ("disk: a day", lambda n: _size(n.bytes_per_day)),
    ("disk: default retention", lambda n: _size(n.kept_bytes)),
    ("subjects", lambda n: _round(n.subjects)),
    ("connections of workers", lambda n: _round(n.connections)),
    ("streams", lambda n: _round(n.streams)),
    ("brokers", lambda n: _round(n.brokers)),
)


def rows(costs: Costs, hosts: Sequence[int] = HOSTS) -> list[tuple[str, ...]]:
    """Return the table, its headers first; columns of numbers begin with ``>``."""
    found = [needs(Fleet(count), costs) for count in hosts]
    return [
        ("", *(f">{count:,} hosts" for count in hosts)),
        *((what, *(say(each) for each in found)) for what, say in _LINES),
    ]


def _round(number: float) -> str:
    """Return *number* with no more digits than it is known to."""
    if number >= 100:  # noqa: PLR2004
        return f"{number:,.0f}"
    return f"{number:.2g}"


def _size(number: float) -> str:
    power = 0
    while number >= 1_000 and power < len(_UNITS) - 1:  # noqa: PLR2004
        number /= 1_000
        power += 1
    return f"{_round(number)} {_UNITS[power]}"


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
