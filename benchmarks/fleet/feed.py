"""Part of the fleet: ``python -m benchmarks.fleet.feed '{"nats_url": …}'``.

Stores the past of its machines, then publishes each second as it ends, until it is told
to stop.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from benchmarks import databases, servers, storage
from benchmarks.fleet.cast import MACHINES
from benchmarks.fleet.stints import Stint
from benchmarks.fleet.story import Story
from robometrics import schema, subjects
from robometrics.broker import AckedPublisher, Link, open_link
from robometrics.schema import AnyBatch, Event
from robometrics.store import Series, Store

_HOUR = 3_600
_HOURS_AT_ONCE = 6
_TOLD_SECONDS = 10
"""How far ahead the present is made up."""

_CATCHING_UP_SECONDS = 60
_IN_FLIGHT = 1_024


class Feed(msgspec.Struct, kw_only=True):
    """What one of the feeding processes does."""

    nats_url: str
    mongo_url: str
    database: str
    history_seconds: int
    now: int
    """The slot at which the past ends: a whole minute, for a page of windows is made by
    the past or by the present."""

    hz: int = 1
    """Samples a second of each process, in the present."""

    part: int = 0
    """Which share of the machines is one's own, of ``parts``."""

    parts: int = 1


class Parcel(NamedTuple):
    """A message as it is published."""

    subject: str
    data: bytes
    message_id: str


async def run(feed: Feed) -> None:
    async with (
        databases.opened(feed.mongo_url, feed.database) as (store, database),
        open_link(feed.nats_url, "fleet") as link,
    ):
        stories = []
        for number, machine in enumerate(MACHINES):
            if number % feed.parts == feed.part:
                story = Story(machine, number, feed.now, feed.history_seconds)
                await _keep_past(store, database, story)
                if not machine.is_off:
                    stories.append(story)
        await store.fleet.settle(everything=True)
        await asyncio.wait_for(link.wait_up(), servers.START_SECONDS)
        await _publish_present(link, stories, feed)


async def _keep_past(store: Store, database: Any, story: Story) -> None:
    """Store what *story* tells up to its present."""
    while story.slot < story.present:
        kept: list[storage.Kept] = []
        for _ in range(_HOURS_AT_ONCE):
            hour_end = story.slot // _HOUR * _HOUR + _HOUR
            stints, events = story.tell(min(hour_end, story.present))
            kept += map(storage.of_stint, stints)
            await store.fleet.record(events)
            if story.slot == story.present:
                break
        kept.sort(key=_whose)
        runs = [list(some) for _, some in groupby(kept, _whose)]
        await asyncio.gather(*(storage.load(store, database, some) for some in runs))


def _whose(kept: storage.Kept) -> tuple[Series, str]:
    return kept.series, kept.run


async def _publish_present(link: Link, stories: Sequence[Story], feed: Feed) -> None:
    """Publish each second as it ends; what ended meanwhile as fast as it goes."""
    slot = feed.now
    told: dict[int, list[Parcel]] = {}
    async with AckedPublisher.open(link, max_in_flight=_IN_FLIGHT) as publisher:
        while True:
            if slot not in told:
                behind = int(time.time()) - slot
                ahead = min(max(behind, _TOLD_SECONDS), _CATCHING_UP_SECONDS)
                told = _told(stories, slot, slot + ahead, feed.hz)
            await asyncio.sleep(slot + 1 - time.time())
            acknowledged = [
                await publisher.publish(
                    parcel.subject, parcel.data, message_id=parcel.message_id
                )
                for parcel in told.pop(slot)
            ]
            await asyncio.gather(*acknowledged)
            slot += 1


def _told(
    stories: Sequence[Story], start: int, stop: int, hz: int
) -> dict[int, list[Parcel]]:
    """Return what is published at the end of each slot in ``[start, stop)``."""
    found: dict[int, list[Parcel]] = {slot: [] for slot in range(start, stop)}
    for story in stories:
        late = story.machine.late_seconds
        stints, events = story.tell(stop - late, hz)
        for event in events:
            at = event.at_ns // schema.NS_PER_SECOND + late
            found[max(at, start)].append(_of_event(event))
        for batch in _batches(stints):
            found[batch.slot + late].append(_of_batch(batch))
    return found


def _batches(stints: Sequence[Stint]) -> Iterator[AnyBatch]:
    for stint in stints:
        yield from storage.of_stint(stint).batches()


def _of_batch(batch: AnyBatch) -> Parcel:
    subject = subjects.samples(batch.host, batch.kind, batch.name)
    data = schema.encode(batch)
    return Parcel(subject, data, f"{subject}/{batch.run}/{batch.slot}")


def _of_event(event: Event) -> Parcel:
    return Parcel(subjects.events(event.host), schema.encode(event), event.id)


if __name__ == "__main__":
    asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Feed)))
