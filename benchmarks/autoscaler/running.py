"""Copies of persist under a load that rises and falls; an autoscaler decides how many.

The database answers late: a copy waits more than it works, and some cores show what
many would. A copy takes a hundredth of what it takes by default in one go, and the
threshold of ``infra/k8s`` is scaled by that: there, too, a busy copy holds two fetches.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import anyio
import msgspec

from benchmarks import databases, servers, slowed, streams
from benchmarks.autoscaler.copies import Copies
from benchmarks.autoscaler.hpa import Autoscaler, Scaling
from benchmarks.autoscaler.lag import lag_of
from benchmarks.autoscaler.manifest import scaling_of
from benchmarks.autoscaler.picture import Point
from robometrics.broker import AckedPublisher, Link
from robometrics.settings import ServerSettings
from robometrics.simulation.fleet import Fleet
from robometrics.simulation.playing import Play
from robometrics.simulation.sending import Sender

DURABLE = "persist"
_LATE_MS = 100
_FETCH_BATCHES = 10
_IN_FLIGHT = 512
_SETTLE_SECONDS = 30.0
_DRAIN_SECONDS = 120.0


class Course(NamedTuple):
    """What happens when, in seconds since the beginning."""

    faster: float
    """Times of ``infra/k8s`` are so many times shorter."""

    hosts: int = 10
    """That are there all the time."""

    more_hosts: int = 60
    more_at: float = 15.0
    more_seconds: float = 50.0
    kills_at: Sequence[float] = (30.0, 50.0)
    seconds: float = 150.0


class Outcome(NamedTuple):
    """What it came to."""

    points: list[Point]
    acknowledged: int
    killed: int
    drains_seconds: list[float]
    exit_codes: list[int]
    audited: int
    """Hosts of which each sample was looked for."""

    is_clean: bool

    @property
    def turns(self) -> int:
        """How often fewer copies were wanted after more, or more after fewer."""
        return turns([point.wanted for point in self.points])


def turns(wanted: Sequence[int]) -> int:
    """Return how often *wanted* changes direction."""
    changes = [after - before for before, after in pairwise(wanted) if after != before]
    return sum((a > 0) != (b > 0) for a, b in pairwise(changes))


async def run(course: Course, tell: Callable[[Point], None]) -> Outcome:
    """Run *course*, and *tell* each look at it as it comes."""
    monitor_port = servers.free_port()
    with (
        servers.folder() as at,
        servers.nats_server(at, monitor_port) as nats_url,
        servers.mongod(at) as mongo_url,
        slowed.slowed(at, mongo_url, _LATE_MS) as slowed_url,
        contextlib.ExitStack() as stack,
    ):
        shared = [f"--nats-url={nats_url}", f"--mongo-database={databases.NAME}"]
        fast, slow = f"--mongo-url={mongo_url}", f"--mongo-url={slowed_url}"
        copies = Copies(
            at,
            [
                *("server", "--roles=persist", f"--fetch-batches={_FETCH_BATCHES}"),
                *(slow, *shared),
            ],
        )
        stack.callback(copies.stop)
        async with streams.provisioned(nats_url) as link, databases.opened(mongo_url):
            rollup = ("server", "--roles=rollup", fast, *shared)
            stack.enter_context(servers.robometrics(at, *rollup))
            load = _Load(link)
            endpoint = f"127.0.0.1:{monitor_port}"
            follower = _Follower(course, copies, load, endpoint, tell)
            async with anyio.create_task_group() as tg:
                tg.start_soon(load.play, course.hosts, course.seconds)
                tg.start_soon(_surge, load, course)
                await follower.follow()
            await follower.wait_until_stored()
            audited, is_clean = await _audit([fast, *shared])
        await asyncio.to_thread(copies.stop)
        return Outcome(
            follower.points,
            load.acknowledged,
            copies.killed,
            copies.drains_seconds,
            copies.exit_codes,
            audited,
            is_clean,
        )


class _Load:
    """Hosts that come, send, and say goodbye."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._senders: list[Sender] = []
        self._earlier = 0

    @property
    def acknowledged(self) -> int:
        """Messages, of all that ever played."""
        return self._earlier + sum(each.counts.acknowledged for each in self._senders)

    async def play(self, hosts: int, seconds: float) -> None:
        """Have *hosts* with ten processes each play for *seconds*."""
        async with AckedPublisher.open(self._link, max_in_flight=_IN_FLIGHT) as out:
            sender = Sender(out)
            self._senders.append(sender)
            fleet = Fleet(hosts, 10, hz=1, first_slot=int(time.time()))
            play, never = Play(fleet, sender, spread_seconds=1.0), anyio.Event()
            await play.register(never)
            await play.run(seconds, never)
            await play.stop()
            if not await sender.settled(_SETTLE_SECONDS):
                raise RuntimeError(f"not acknowledged: {sender.counts.problem}")
            self._senders.remove(sender)
            self._earlier += sender.counts.acknowledged


async def _surge(load: _Load, course: Course) -> None:
    await anyio.sleep(course.more_at)
    await load.play(course.more_hosts, course.more_seconds)


class _Follower:
    """Asks, decides and does, poll by poll."""

    def __init__(
        self,
        course: Course,
        copies: Copies,
        load: _Load,
        endpoint: str,
        tell: Callable[[Point], None],
    ) -> None:
        self.points: list[Point] = []
        self._course = course
        self._copies = copies
        self._load = load
        self._endpoint = endpoint
        self._tell = tell
        self._scaling = _scaled(scaling_of(DURABLE)).faster(course.faster)

    async def follow(self) -> None:
        """Follow the load until the course is over."""
        autoscaler, kills = Autoscaler(self._scaling), list(self._course.kills_at)
        await asyncio.to_thread(self._copies.scale, self._scaling.least)
        began, published, lag = time.monotonic(), 0, 0
        last = began
        async for now in _ticks(self._scaling.poll_seconds, self._course.seconds):
            before = published, lag
            published, lag = self._load.acknowledged, await self._lag()
            took, last = now - last, now
            event = ""
            if kills and now - began >= kills[0]:
                kills.pop(0)
                await asyncio.to_thread(self._copies.kill)
                event = "killed one"
            running = len(self._copies)
            wanted = autoscaler.decide(now, lag, running)
            await asyncio.to_thread(self._copies.scale, wanted)
            self._copies.reap()
            came = published - before[0]
            point = Point(
                at_seconds=now - began,
                published=came / took,
                stored=max(0.0, came - (lag - before[1])) / took,
                lag=lag,
                copies=running,
                wanted=wanted,
                event=event,
            )
            self.points.append(point)
            self._tell(point)

    async def wait_until_stored(self) -> None:
        with anyio.fail_after(_DRAIN_SECONDS):
            while await self._lag():
                await anyio.sleep(0.2)

    async def _lag(self) -> int:
        return await asyncio.to_thread(lag_of, self._endpoint, streams.STREAM, DURABLE)


async def _ticks(every_seconds: float, seconds: float) -> AsyncIterator[float]:
    """Yield the time each *every_seconds*, for *seconds*; none is made up for."""
    began = due = time.monotonic()
    while due < began + seconds:
        due = max(due + every_seconds, time.monotonic())
        await anyio.sleep(max(0.0, due - time.monotonic()))
        yield time.monotonic()


def _scaled(scaling: Scaling) -> Scaling:
    share = _FETCH_BATCHES / ServerSettings().fetch_batches
    return scaling._replace(threshold=round(scaling.threshold * share))


async def _audit(arguments: Sequence[str]) -> tuple[int, bool]:
    """Return of how many hosts each sample was looked for, and whether all is well."""
    command = [sys.executable, "-m", "robometrics", "audit", "--json", "--since=-1h"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return len(msgspec.json.decode(said)["hosts"]), process.returncode == 0
