"""What a database of a release is fed with, to be kept as golden documents.

It may be added to for a later release, in a module of its own; what release 1 was fed
with never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from audited import Audited
from builders import SLOT, event, gap, gpu_batch, host_batch, process_batch

from robometrics.schema import AnyBatch, Event, Previous
from robometrics.settings import ServerSettings
from robometrics.store import DeadLetter, Series, Store
from robometrics.store.deeds import Deed
from robometrics.store.house import LEASE
from robometrics.store.sessions import Session

HOUR = SLOT - SLOT % 3_600
NEXT = HOUR + 3_600
NOW = HOUR + 2 * 3_600
"""When the house is kept: the first hour becomes blocks."""

SCRAPPED = "scrapped"
"""A host whose samples are older than they are kept."""

SECONDS = (0, 1, 2, 9, 10, 61, 3_599)
SERIES = (
    Series("robot", "host", ""),
    Series("robot", "process", "planner"),
    Series("robot", "process", "nav=2F1"),
    Series("robot", "gpu", "0"),
)


def of_hour(hour: int) -> list[AnyBatch]:
    """Return batches in which every kind of value and neighbour occurs."""
    return [batch for second in SECONDS for batch in _of_slot(hour + second)]


def fed() -> list[AnyBatch]:
    """Return all batches but the scrapped host's."""
    return [*of_hour(HOUR), *of_hour(NEXT)]


def events() -> list[Event]:
    run = {"process": "planner", "run": "ab12cd34-42-777", "pid": 42}
    return [
        event(facts={"cpu_count": 8, "model": "Stand-in", "load": 0.5}),
        event(
            id="e-2",
            event="registered",
            at_ns=HOUR * 10**9,
            started_at_ns=(HOUR - 9) * 10**9,
            command="planner --fast",
            tags={"team": "nav"},
            ancestors=["ab12cd34-41-700"],
            **run,
        ),
        event(
            id="e-3", event="exited", at_ns=(NEXT + 3_599) * 10**9, exit_code=-9, **run
        ),
        gap(HOUR + 100, HOUR + 109, missing=10, missing_samples=3),
    ]


TOKEN, BROWSER = b"t" * 32, b"b" * 32
"""Digests of a token, and of what a browser keeps."""

LONG = datetime(2199, 1, 1, tzinfo=timezone.utc)
"""When both end: the database itself drops sessions that are over."""


def letter() -> DeadLetter:
    return DeadLetter(
        stream_sequence=7,
        consumer="persist",
        subject="robometrics.v1.samples.robot.host",
        reason="not MessagePack",
        data=b"\xc1\x00",
    )


async def feed(store: Store) -> None:
    """Do what the servers of a site do, in two hours and after them."""
    audited = Audited(store)
    old = [host_batch(host=SCRAPPED, slot=HOUR - 10 * 86_400)]
    await audited.keep(*old, *fed())
    await store.fleet.settle(everything=True)
    for generation in (0, 1):
        mine = [batch for batch in fed() if batch.generation == generation]
        await audited.tell(*mine, generation=generation)
    await audited.record(*events())
    await store.dead_letters.insert([letter()])
    await store.trials.begin("persist/7")
    await store.tokens.add("me", "admin", TOKEN, LONG)
    await store.sessions.begin(BROWSER, Session(expires_at=LONG, token_digest=TOKEN))
    await store.deeds.note(Deed(who="me", address="127.0.0.1", what="login"))
    lease = store.lease(LEASE)
    await lease.take("server-1", 60.0)
    await lease.tell("server-1", {"last_done": {"compaction": NOW}})
    await keep_house(store)


async def keep_house(store: Store, now: int = NOW) -> None:
    """Compact and seal what is over, and delete what is too old."""
    async for _ in store.compactor.compact(now - 3_600):
        pass
    while await store.rollups.seal(now - 3_600, 100):
        pass
    policy = ServerSettings(keep_raw_days=1).policy
    async for _ in store.retention.apply(policy, now):
        pass


def _of_slot(slot: int) -> Sequence[AnyBatch]:
    second = slot - HOUR
    first = second * 1_000_000
    return (
        host_batch(
            slot=slot,
            metrics={
                "cpu_time_ns": [5_000_000_000 + first],
                "load_1m": [0.5 + second % 7],
                "network_sent_bytes_total:eth0": [2**62 + second],
                "temperature_celsius:cpu": [None],
            },
        ),
        process_batch(
            slot=slot,
            metrics={
                "cpu_time_ns": [first, first + 400_000],
                "memory_rss_bytes": [1_000_000 + 7_919 * second % 5_000, None],
                "thread_count": [second % 11],
            },
            previous=Previous(
                offset_ns=-500_000_000, counters={"cpu_time_ns": first - 100_000}
            ),
        ),
        process_batch(
            slot=slot,
            process="nav=2F1",
            pid=43,
            run="ab12cd34-43-778",
            generation=second % 2,
            previous=None,
        ),
        gpu_batch(slot=slot),
    )
