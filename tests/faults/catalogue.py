"""Every fault that is tried, as a pair: how it begins, and how it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from faults import disk
from faults.garbage import send_garbage
from faults.stack import Stack

CONSUMERS = ("persist", "rollup", "api")
PARTS = (*CONSUMERS, "worker", "nats-server", "mongod")
LINKS = ("worker-nats", "consumers-nats", "consumers-mongod")
STORES = {"nats-server": "nats", "mongod": "mongo"}
"""Parts with a disk of their own, and its name."""

FREEZE_SECONDS = 15.0
CUT_SECONDS = 5.0
HALF_OPEN_SECONDS = 12.0
SLOW_SECONDS = 8.0
FULL_SECONDS = 8.0
DOWN_SECONDS = 1.0
CLOCK_STEPS_SECONDS = (-5.0, 90.0)

Act = Callable[[Stack], object]


@dataclass(frozen=True)
class Fault:
    """One fault; *end* mends what *begin* broke."""

    name: str
    target: str
    """The part, link or disk it hits: two faults at a time never hit the same."""

    seconds: float
    begin: Act
    end: Act
    stops_worker: bool = False
    """Samples may be missing then, each with a reason."""


def _nothing(_: Stack) -> None:
    """It is over as soon as it has begun."""


def all_faults() -> list[Fault]:
    """Return the matrix; what leaves redeliveries behind comes early."""
    found = [*kills(), *restarts(), *freezes(), *networks()]
    if not disk.why_not():
        found += full_disks()
    return [*found, garbage(), *clock_steps()]


def kills() -> list[Fault]:
    return [
        Fault(
            f"{part}: SIGKILL",
            part,
            DOWN_SECONDS,
            lambda stack, part=part: stack.parts[part].kill(),
            lambda stack, part=part: stack.parts[part].start(wait=False),
            stops_worker=part == "worker",
        )
        for part in PARTS
    ]


def restarts() -> list[Fault]:
    """Killed, its caches wiped, started: nothing but the stores is authoritative."""

    def end(stack: Stack, part: str) -> None:
        stack.parts[part].wipe()
        stack.parts[part].start(wait=False)

    return [
        Fault(
            f"{part}: SIGKILL, caches wiped",
            part,
            DOWN_SECONDS,
            lambda stack, part=part: stack.parts[part].kill(),
            lambda stack, part=part: end(stack, part),
            stops_worker=part == "worker",
        )
        for part in PARTS
    ] + [
        Fault(
            "worker: SIGTERM",
            "worker",
            DOWN_SECONDS,
            lambda stack: stack.parts["worker"].stop(),
            lambda stack: stack.parts["worker"].start(wait=False),
            stops_worker=True,
        )
    ]


def freezes() -> list[Fault]:
    return [
        Fault(
            f"{part}: SIGSTOP {FREEZE_SECONDS:.0f} s",
            part,
            FREEZE_SECONDS,
            lambda stack, part=part: stack.parts[part].freeze(),
            lambda stack, part=part: stack.parts[part].thaw(),
        )
        for part in PARTS
    ]


def networks() -> list[Fault]:
    return [fault for link in LINKS for fault in network(link)]


def network(link: str) -> Iterator[Fault]:
    """Yield what can happen to *link*."""

    def heal(stack: Stack) -> None:
        stack.proxies[link].heal()

    cut: Act = lambda stack: stack.proxies[link].cut()  # noqa: E731
    half_open: Act = lambda stack: stack.proxies[link].half_open()  # noqa: E731
    slow: Act = lambda stack: stack.proxies[link].slow()  # noqa: E731
    yield Fault(f"{link}: cut", link, CUT_SECONDS, cut, heal)
    yield Fault(f"{link}: half-open", link, HALF_OPEN_SECONDS, half_open, heal)
    yield Fault(f"{link}: slow", link, SLOW_SECONDS, slow, heal)


def full_disks() -> list[Fault]:
    return [full_outbox(), *(_full_store(*each) for each in STORES.items())]


def full_outbox() -> Fault:
    def begin(stack: Stack) -> None:
        # Room that SQLite has taken before would do for a while.
        for path in stack.disks["outbox"].path.glob("*.db"):
            with closing(sqlite3.connect(path)) as outbox:
                outbox.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        stack.disks["outbox"].fill()

    return Fault(
        "worker: disk full",
        "worker",
        FULL_SECONDS,
        begin,
        lambda stack: stack.disks["outbox"].free(),
    )


def _full_store(part: str, disk: str) -> Fault:
    return Fault(
        f"{part}: disk full",
        part,
        FULL_SECONDS,
        lambda stack: stack.disks[disk].fill(),
        lambda stack: stack.disks[disk].free(),
    )


def garbage() -> Fault:
    return Fault(
        "garbage on every subject",
        "garbage",
        0.0,
        lambda stack: send_garbage(stack.nats_url, seed=1),
        _nothing,
    )


def clock_steps() -> list[Fault]:
    return [
        Fault(
            f"worker: clock {seconds:+.0f} s",
            "clock",
            0.0,
            lambda stack, seconds=seconds: stack.offset.step(seconds),
            _nothing,
        )
        for seconds in CLOCK_STEPS_SECONDS
    ]
