"""Run one simulation, and sum it up."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio
import msgspec

from robometrics.address import BrokerAddress
from robometrics.broker import AckedPublisher, Link, measure_depth, open_link
from robometrics.errors import RetryLaterError, SettingsError
from robometrics.service import collect_seldom
from robometrics.simulation import census
from robometrics.simulation.fleet import Fleet
from robometrics.simulation.moments import Moment, Watch
from robometrics.simulation.playing import Play
from robometrics.simulation.sending import Sender
from robometrics.simulation.verdict import Finding, findings

CONNECT_SECONDS = 5.0
REGISTER_SECONDS = 300.0
OVERTIME_SECONDS = 30.0
"""By how much a second that was begun may outlast the time that was asked for."""

SETTLE_SECONDS = 60.0
"""For goodbyes, and again for what is not acknowledged yet."""

IN_FLIGHT = 2_048
_BROKER_PORT, _DATABASE_PORT = 4222, 27017


class Wanted(msgspec.Struct, kw_only=True, frozen=True):
    """What to simulate."""

    hosts: int
    processes: int = 10
    hz: int = 1
    """Samples a second of a process."""

    seconds: float = 120.0
    spread_seconds: float = 1.0


class PartCost(msgspec.Struct, kw_only=True):
    """What one part of this machine took."""

    cores: float
    """On the average."""

    memory_bytes: int
    """The most it held."""

    cpu_us_per_message: float
    """Of a consumer: that it acknowledged; of others, that were published."""


class Stage(msgspec.Struct, kw_only=True):
    """What one durable came to."""

    per_second: float
    """Messages it acknowledged."""

    waiting: int
    """At the end of the time."""


class Result(msgspec.Struct, kw_only=True):
    """What one simulation came to; counts are of messages."""

    wanted: Wanted
    hosts: str
    """A pattern that matches the names of its hosts, and no others."""

    seconds: float
    offered_per_second: float
    """Batches that the fleet has in a second."""

    offered_bytes_per_second: int
    registered: int
    """Messages before the time began: workers that start, programs that register."""

    sent: int
    acknowledged: int
    late: int
    refused: int
    problem: str
    """Why something was refused last."""

    unacknowledged: int
    """At the very end: these may be stored or not, or were due and never sent."""

    per_second: float
    """Acknowledged."""

    ack_p50_ms: float
    ack_p99_ms: float
    parts: dict[str, PartCost]
    """Of this machine: what belongs to this broker and database, and this simulator."""

    stages: dict[str, Stage]
    """What the consumers came to; empty if nobody tells."""

    gave: list[Finding]
    """What did not keep up, first things first."""

    moments: list[Moment] = []


async def simulate(
    wanted: Wanted, broker: BrokerAddress, mongo_url: str, stop: anyio.Event
) -> Result:
    """Play a fleet until its time is over, or *stop*.

    Raises:
        SettingsError: The broker is away, or has no stream.
    """
    collect_seldom()
    fleet = Fleet(
        wanted.hosts, wanted.processes, hz=wanted.hz, first_slot=int(time.time())
    )
    async with (
        open_link(broker, f"simulation {fleet.tag}") as link,
        AckedPublisher.open(link, max_in_flight=IN_FLIGHT) as publisher,
    ):
        await _wait_for_a_stream(link)
        sender = Sender(publisher)
        play = Play(fleet, sender, spread_seconds=wanted.spread_seconds)
        with anyio.move_on_after(REGISTER_SECONDS) as registering:
            await play.register(stop)
        if registering.cancelled_caught or not await sender.settled(SETTLE_SECONDS):
            raise SettingsError(
                f"{link.url} does not take messages: {sender.counts.problem}"
            )
        registered = sender.count_anew()
        parts = await asyncio.to_thread(
            census.parts,
            _port(broker.url, _BROKER_PORT),
            _port(mongo_url, _DATABASE_PORT),
        )
        watch = Watch(link, sender, play, parts)
        async with anyio.create_task_group() as tg:
            tg.start_soon(watch.run)
            with anyio.move_on_after(wanted.seconds + OVERTIME_SECONDS):
                await play.run(wanted.seconds, stop)
            seconds = time.monotonic() - play.began
            tg.cancel_scope.cancel()
        counts, stages = sender.count_anew(), _stages(watch.moments)
        with anyio.move_on_after(SETTLE_SECONDS):
            await play.stop()
        await sender.settled(SETTLE_SECONDS)
        return Result(
            wanted=wanted,
            hosts=fleet.pattern,
            seconds=seconds,
            offered_per_second=fleet.batches_per_second,
            offered_bytes_per_second=fleet.batch_bytes_per_second,
            registered=registered.sent,
            sent=counts.sent,
            acknowledged=counts.acknowledged,
            late=counts.late,
            refused=counts.refused,
            problem=counts.problem,
            unacknowledged=counts.outstanding + sender.counts.outstanding + play.unsent,
            per_second=counts.acknowledged / seconds,
            ack_p50_ms=1000 * counts.latencies.quantile(0.5),
            ack_p99_ms=1000 * counts.latencies.quantile(0.99),
            parts=_costs(watch, stages),
            stages=stages,
            gave=findings(watch.moments, fleet.batches_per_second, os.cpu_count() or 1),
            moments=watch.moments,
        )


async def _wait_for_a_stream(link: Link) -> None:
    try:
        with anyio.fail_after(CONNECT_SECONDS):
            await link.wait_up()
    except TimeoutError as exc:
        raise SettingsError(
            f"no broker answers at {link.url}: {link.last_error}"
        ) from exc
    try:
        await measure_depth(link)
    except RetryLaterError as exc:
        raise SettingsError(
            f"{link.url} has no stream for samples, or does not tell: {exc}; "
            "start robometrics-server, or run robometrics provision"
        ) from exc


def _costs(watch: Watch, stages: Mapping[str, Stage]) -> dict[str, PartCost]:
    seconds = sum(moment.seconds for moment in watch.moments)
    messages = sum(moment.acknowledged for moment in watch.moments)
    found = {}
    for part, memory_bytes in watch.memory_bytes.items():
        spent = sum(m.cores.get(part, 0.0) * m.seconds for m in watch.moments)
        took_in = stages[part].per_second * seconds if part in stages else messages
        found[part] = PartCost(
            cores=spent / seconds if seconds else 0.0,
            memory_bytes=memory_bytes,
            cpu_us_per_message=1e6 * spent / took_in if took_in else 0.0,
        )
    return found


def _stages(moments: list[Moment]) -> dict[str, Stage]:
    """Return what each durable did between the first and the last known depth."""
    known = [place for place, moment in enumerate(moments) if moment.waiting]
    if len(known) < 2:  # noqa: PLR2004  two ends
        return {}
    first, last = moments[known[0]], moments[known[-1]]
    between = moments[known[0] + 1 : known[-1] + 1]
    came, seconds = (
        sum(m.acknowledged for m in between),
        last.at_seconds - first.at_seconds,
    )
    return {
        durable: Stage(
            per_second=(came - waiting + first.waiting.get(durable, 0)) / seconds,
            waiting=waiting,
        )
        for durable, waiting in last.waiting.items()
    }


def _port(url: str, usual: int) -> int:
    """Return the port of the first server in *url*."""
    try:
        return urlsplit(url.split(",", maxsplit=1)[0]).port or usual
    except ValueError:
        return usual
